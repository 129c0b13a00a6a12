/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "beside.h"

#include "error.h"

#include <stdlib.h>
#include <uv.h>

struct ocs_beside {
    ocs_beside_task *task;
    void *data;
    uv_thread_t thread;
    bool started;
    int result;
    struct ocs_error error;
};

static void thread_main(void *arg)
{
    struct ocs_beside *beside = arg;
    beside->result = beside->task(beside->data, &beside->error);
}

int ocs_beside_begin(ocs_beside_task *task, void *data, struct ocs_beside **out,
                     struct ocs_error *err)
{
    struct ocs_beside *beside = calloc(1, sizeof(*beside));
    if (!beside)
        return ocs_error_memory(err);
    beside->task = task;
    beside->data = data;
    beside->started = uv_thread_create(&beside->thread, thread_main, beside) == 0;
    *out = beside;
    return 0;
}

int ocs_beside_end(struct ocs_beside *beside, struct ocs_error *err)
{
    if (beside->started)
        uv_thread_join(&beside->thread);
    else
        thread_main(beside);
    int result = beside->result;
    if (result < 0 && err)
        *err = beside->error;
    free(beside);
    return result;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "graph_walk.h"

#include "store/cleanup.h"
#include "store/error.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* A million nodes with ten million edges take a few seconds. */
#define CPU_SECONDS 600

enum walk_status { /* of the child */
                   WALK_WHOLE,
                   WALK_CORRUPT,
                   WALK_FAILED,
};

/* ---- in the child ---- */

static bool is_key_of(const struct ocs_digest *digest, const unsigned char *key, size_t size)
{
    return digest->size == size && memcmp(digest->key, key, size) == 0;
}

static int visit(void *data, const unsigned char *key, size_t size, uint32_t id,
                 struct ocs_error *err)
{
    struct ocs_graph_txn *txn = data;
    struct ocs_node node;
    struct ocs_children children;
    int r = ocs_graph_get_node(txn, id, &node, err);
    if (r == OCS_GRAPH_NONE || (r == 0 && !is_key_of(&node.digest, key, size)))
        return OCS_GRAPH_CORRUPT;
    if (r == 0)
        r = ocs_graph_get_children(txn, id, &children, err);
    return r == OCS_GRAPH_NONE ? 0 : r;
}

static int walk(const struct ocs_store *store, struct ocs_error *err)
{
    auto_fd int dir = open(store->graph_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int denied = dir < 0 ? -1 : faccessat(dir, "data.mdb", R_OK, AT_EACCESS);
    if (denied && errno == EACCES)
        return 0; /* for this run there is none, which says so */
    if (dir < 0)
        return errno == ENOENT ? 0 : ocs_error_errno(err, "open");
    struct ocs_graph_options options = {
        .dir_fd = dir,
        .path = store->graph_path,
        .lock_fd = ocs_locks_fd(store->locks, OCS_LOCK_GRAPH),
        .wait = &store->wait,
        .create = false,
    };
    struct ocs_graph *graph = NULL;
    struct ocs_graph_txn *txn = NULL;
    int r = ocs_graph_open(&options, &graph, err);
    if (r == OCS_GRAPH_NONE)
        return 0;
    if (r == 0)
        r = ocs_graph_begin(graph, false, &txn, err);
    if (r == 0)
        r = ocs_graph_each_id(txn, txn, visit, err);
    return r; /* the process ends: nothing needs to be given back */
}

static _Noreturn void be_child(const struct ocs_store *store, struct ocs_error *said)
{
    static const int deadly[] = {SIGBUS, SIGSEGV, SIGABRT, SIGXCPU};
    struct rlimit cpu = {.rlim_cur = CPU_SECONDS, .rlim_max = CPU_SECONDS + 1};
    struct rlimit core = {.rlim_cur = 0, .rlim_max = 0};
    setrlimit(RLIMIT_CPU, &cpu);
    setrlimit(RLIMIT_CORE, &core);
    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
        signal(deadly[i], SIG_DFL);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0) { /* an abort has nothing to say that we do not, nor what is buffered */
        dup2(null, STDERR_FILENO);
        dup2(null, STDOUT_FILENO);
    }
    int r = walk(store, said);
    _exit(r == 0 ? WALK_WHOLE : r == OCS_GRAPH_CORRUPT ? WALK_CORRUPT : WALK_FAILED);
}

/* ---- in the parent ---- */

int ocs_graph_walk_begin(const struct ocs_store *store, struct ocs_graph_walk *out,
                         struct ocs_error *err)
{
    /* waited for here, where signals are heard; the child waits for no more than a moment */
    int result = ocs_lock_take(store->locks, OCS_LOCK_GRAPH, false, &store->wait, err);
    if (result < 0)
        return ocs_error_context(err, result, "graph");
    ocs_lock_release(store->locks, OCS_LOCK_GRAPH);
    out->said =
        mmap(NULL, sizeof(*out->said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (out->said == MAP_FAILED)
        return ocs_error_errno(err, "graph: memory");
    out->child = fork();
    if (out->child == 0)
        be_child(store, out->said);
    if (out->child > 0)
        return 0;
    result = ocs_error_errno(err, "graph: fork");
    munmap(out->said, sizeof(*out->said));
    return result;
}

/* As the child said it, which has ended. */
static int not_walked(const struct ocs_error *said, struct ocs_error *err)
{
    int result =
        ocs_error_raise(err, OCS_FAILED, "the graph cannot be read: %.400s", said->message);
    return ocs_error_hint(err, result, "%s",
                          said->hint[0] ? said->hint
                                        : "if it is the file that cannot be read: it is a "
                                          "cache: moved away, it is made anew");
}

static int wait_for(pid_t child, int *status, struct ocs_error *err)
{
    while (waitpid(child, status, 0) < 0) {
        if (errno != EINTR)
            return ocs_error_errno(err, "graph: wait for the child");
    }
    return 0;
}

int ocs_graph_walk_end(struct ocs_graph_walk *walk, const char **trouble, struct ocs_error *err)
{
    int status = 0;
    int result = wait_for(walk->child, &status, err);
    bool ended = result == 0 && WIFEXITED(status);
    if (ended && WEXITSTATUS(status) == WALK_FAILED)
        result = not_walked(walk->said, err);
    munmap(walk->said, sizeof(*walk->said));
    if (result < 0 || (ended && WEXITSTATUS(status) == WALK_WHOLE))
        return result;
    *trouble = ended ? "a record failed its check" : "reading it killed the process that tried";
    return OCS_GRAPH_WALK_BAD;
}

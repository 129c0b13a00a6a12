/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "gunzip.h"

const struct ocs_gunzip_engine *ocs_gunzip_isal(void)
{
    return NULL;
}

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_CLI_FINDING_H
#define OCS_CLI_FINDING_H

/* How a finding of fsck is told: a line, and below it what helps. */

#include "cli.h"

/* on_finding of struct ocs_fsck_options; `data` is the struct ocs_cli.  Information is counted
 * in the summary alone, unless --verbose is given: a store full of garbage has a lot of it.  A
 * job by night that finds nothing wrong prints nothing, or its owner gets a mail. */
void ocs_cli_print_finding(void *data, const struct ocs_finding *finding);

#endif

/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_CLI_PRETTY_H
#define OCS_CLI_PRETTY_H

/* Valid JSON, indented for people.  Works on the text itself, so that every
 * number and every escape is printed as it stands in the document. */

#include <stdio.h>

/* `indent` columns in front of every line but the first. */
void ocs_pretty_print(FILE *to, const char *json, unsigned indent);

#endif

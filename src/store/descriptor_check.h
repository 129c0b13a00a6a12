/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_DESCRIPTOR_CHECK_H
#define OCS_STORE_DESCRIPTOR_CHECK_H

/* What descriptor.md asks of a descriptor. */

#include "checker.h"

void ocs_check_descriptor(struct ocs_checker *checker, const struct ocs_json_value *value);
/* A digest's grammar: import refuses what is outside. */
void ocs_check_digest(struct ocs_checker *checker, const struct ocs_json_value *value);

#endif

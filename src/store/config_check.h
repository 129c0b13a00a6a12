/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#ifndef OCS_STORE_CONFIG_CHECK_H
#define OCS_STORE_CONFIG_CHECK_H

/* What config.md asks of an image config. */

#include "checker.h"

void ocs_check_config(struct ocs_checker *checker, const struct ocs_json_value *root);

#endif

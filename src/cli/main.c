/* SPDX-License-Identifier: MIT
 * SPDX-FileCopyrightText: the ocistore developers */
#include "ocistore.h"

int main(void)
{
    return OCS_USAGE;
}

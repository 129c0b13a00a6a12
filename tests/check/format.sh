#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Every source is as clang-format would write it (the version of Debian 12; others
# differ in details).
. tests/check/files
need clang-format
clang-format --version | grep -q 'version 14\.' || exit 77

sources | xargs clang-format --dry-run -Werror

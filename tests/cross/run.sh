#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# The kernels for ARMv8, built by a cross compiler and run by an emulator
# (scripts/deps cross).
set -eu
cd "$(dirname "$0")/../.."

compiler=aarch64-linux-gnu-gcc
emulator=qemu-aarch64
for program in $compiler $emulator; do
    command -v $program >/dev/null 2>&1 || { echo "skipped: no $program" && exit 77; }
done

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
$compiler -O2 -std=gnu17 -Wall -Wextra -Werror -Isrc -Iinclude -static -o "$place/kernels" \
    tests/cross/kernels.c src/store/sha2.c src/store/sha2_arm.c
$emulator -cpu max "$place/kernels"

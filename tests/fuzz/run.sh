#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Fuzz one target, built with the preset `fuzz`: tests/fuzz/run.sh NAME [SECONDS]
# What it learns stays in build/fuzz/corpus/NAME, a finding becomes
# build/fuzz/found/NAME-*: minimise it (-minimize_crash=1) and commit it to
# tests/fuzz/corpus/NAME together with the fix.
set -eu
name=$1
seconds=${2:-600}
cd "$(dirname "$0")/../.."
mkdir -p "build/fuzz/corpus/$name" build/fuzz/found
exec nice -n 19 build/fuzz/tests/fuzz/fuzz_"$name" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb=1024 -dict=tests/fuzz/json.dict -artifact_prefix="build/fuzz/found/$name-" \
    -print_final_stats=1 "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name"

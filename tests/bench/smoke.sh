#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Every case of bench/run does its work, on a thousandth of the data: bench/run checks
# what each contender did.  The table and the plots are written.
set -eu

for tool in python3 umoci skopeo openssl pigz; do
    command -v "$tool" >/dev/null || { echo "$tool is not installed" && exit 77; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp bench/README.md "$work/"

bench/run --program "$OCS_PROGRAM" --without-isal "$OCS_PROGRAM" --scale 0.001 \
    --rounds 1 --most 1000 --cold advise --dir "$work" --json "$work/results" --write \
    --into "$work" >"$work/log" 2>&1 ||
    { cat "$work/log" && exit 1; }

python3 - "$work" <<'END'
import json, sys, xml.dom.minidom
work = sys.argv[1]
results = json.load(open(f"{work}/results"))
measured = {row["work"] for row in results["rows"] if not row["missing"]}
missing = {row["work"] for row in results["rows"]} - measured
assert len(results["cases"]) >= 11 and not results["failures"], results["failures"]
assert all("igzip" in work for work in missing), missing
assert [point["blobs"] for point in results["growth"]] == [1000]
text = open(f"{work}/README.md").read()
for name in ("growth", "sizes", "threads"):
    xml.dom.minidom.parse(f"{work}/plots/{name}.svg")
    assert f"(plots/{name}.svg)" in text, name
END

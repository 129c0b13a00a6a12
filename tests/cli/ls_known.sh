#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# ls shows what was counted last while index.json is the same file, and counts when it
# is not, when something was not counted, and when what was written down is damaged.
. "${0%/*}/lib.sh"
store_with_layouts
listing=$STORE/.ocistore/listing

# What ls writes down, with 7777 images for each layout.
pretend() {
    for index in "$STORE"/layouts/*/index.json; do
        name=${index%/index.json}
        stat -c '%i %s %.9Y %.9Z' "$index" | tr -d . | {
            read -r inode size mtime ctime
            printf '{"name":"%s","images":7777,"bytes":%s,"inode":%s,"size":%s,"mtime_ns":%s,"ctime_ns":%s}\n' \
                "${name##*/}" "$1" "$inode" "$size" "$mtime" "$ctime"
        }
    done | LC_ALL=C sort | paste -sd, | sed 's/.*/[&]/' | tr -d '\n' >items
    { printf 'sha256:%s\n' "$(sha256sum <items | cut -d' ' -f1)" && cat items; } >"$listing"
}

counted() { holds 'map(select(.type == "layout")) | length > 2 and all(.images < 100)'; }

run_json 0 --store "$STORE" ls
counted
cp out first

pretend 5
run_json 0 --store "$STORE" ls
holds 'map(select(.type == "layout")) | length > 2 and all(.images == 7777 and .bytes == 5)'
jq -r 'select(.type == "layout").name' out >said
jq -r 'select(.type == "layout").name' first >names
same_files names said 'other layouts'
run_json 0 --store "$STORE" ls twins
holds 'any(.type == "layout" and .images == 3)'

# one byte that is not as it was written
pretend 5
sed 's/"bytes":5/"bytes":6/' "$listing" >damaged
cp damaged "$listing"
run_json 0 --store "$STORE" ls
counted
same_files first out 'counted otherwise than before'
for broken in '' 'sha256:' '[' 'no digest'; do
    printf '%s\n' "$broken" >"$listing"
    run_json 0 --store "$STORE" ls
    counted
done
rm "$listing"
run_json 0 --store "$STORE" ls
counted

# the same bytes in another file, and a layout that nobody has counted
pretend 5
cp "$STORE/layouts/twins/index.json" copy
mv copy "$STORE/layouts/twins/index.json"
run_json 0 --store "$STORE" ls
counted
pretend 5
mkdir "$STORE/layouts/new"
cp "$STORE/layouts/twins/index.json" "$STORE/layouts/new"
run_json 0 --store "$STORE" ls
counted
holds 'any(.name == "new" and .images == 3)'

# a command that takes something out writes down what is left
pretend 5
run 0 --store "$STORE" rm new
run_json 0 --store "$STORE" ls
counted

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# When it cannot know the roots gc removes nothing, ends with 4 and says what to do.
. "${0%/*}/lib.sh"
. "$here/walk.sh"
store_with_layouts
run 0 --store "$STORE" rm app1
blobs_in "$STORE/blobs" >before
index=$STORE/layouts/app2/index.json
cp "$index" good

refuses() { # what was done
    run_json 4 --store "$STORE" gc --now
    holds 'last.refused != null and last.trashed == 0 and last.purged == 0'
    complains app2
    blobs_in "$STORE/blobs" >after
    same_files before after "$1: gc removed something"
    run_json 4 --store "$STORE" gc --dry-run --grace 0
}

rm "$index"
refuses 'index.json is gone'
mkfifo "$index"
refuses 'index.json is a FIFO'
rm "$index"
mkdir "$index"
refuses 'index.json is a folder'
rmdir "$index"
ln -s "$TEMPORARY/good" "$index"
refuses 'index.json is a link'
rm "$index"
echo '{}' >"$index"
refuses 'index.json is no index'
cp good "$index"
mv "$STORE/layouts/app2" app2
refuses 'the layout is gone'
ln -s "$TEMPORARY/app2" "$STORE/layouts/app2"
refuses 'the layout is a link'
complains 'layouts/app2 is a link to a folder'
complains 'replace the link by the folder'
run_json 4 --store "$STORE" fsck --quick
holds 'any(.id == "roots-entry-damaged" and .path == "layouts/app2"
    and (.action | startswith("replace the link")))'
rm "$STORE/layouts/app2"
mv app2 "$STORE/layouts/app2"

run 0 init empty
cp -a "$STORE/blobs/." empty/blobs/
run_json 4 --store empty gc --now
complains '--allow-empty'
run 16 --store empty gc --max-delete 101%
run 16 --store empty gc --grace 5
run 16 --store empty gc --now --grace 1d
complains 'contradicts'

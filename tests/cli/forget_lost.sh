#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# forget --lost: the way out when entries of .ocistore/roots are lost or damaged.
. "${0%/*}/lib.sh"
store_with_layouts
export OCISTORE="$STORE"
roots=$STORE/.ocistore/roots
cp -r "$STORE/layouts/app1" elsewhere
run 0 attach elsewhere
run 0 rm app1

entry_of() { # NAME: its entry, 16 digits of the SHA-256 of the name
    printf '%s/%.16s.json' "$roots" "$(printf %s "$1" | sha256sum)"
}
counts() {
    jq .roots "$STORE/.ocistore/store.json"
}
entries() {
    find "$roots" -name '*.json' | wc -l
}
refuses() { # what was done
    find "$STORE/blobs" -type f | sort >before
    run_json 4 gc --now
    run 4 gc --now
    complains 'ocistore forget --lost'
    find "$STORE/blobs" -type f | sort >after
    same_files before after "$1: gc removed something"
}

# nothing is lost: nothing is done
run_json 0 forget --lost
holds 'length == 1 and last.lost == 0'
run 16 forget
complains 'NAME is missing'
run 16 forget --lost elsewhere
run 0 gc --dry-run

# the entry of a layout of the store, where store.json does not say which there were: it is
# made again
forget_ids() {
    sed -i 's/root_ids/unknown/' "$STORE/.ocistore/store.json"
}
forget_ids
rm "$(entry_of app2)"
refuses 'a lost entry'
complains 'entries of .ocistore/roots are lost: there are '
complains 'if layouts live elsewhere, attach them again; then: ocistore forget --lost'
run 4 fsck --quick
prints 'ocistore forget --lost'
run_json 0 forget --lost
holds '.[0] == {type: "change", action: "forget-lost", layout: null, ref: null, digest: null}
    and last.lost == 1'
grep -hq forget-lost "$STORE"/.ocistore/journal/*.jsonl || fail 'the journal does not tell of it'
[ -f "$(entry_of app2)" ] || fail 'app2 is not registered again'
[ -f "$(entry_of elsewhere)" ] || fail 'an entry that was not lost is gone'
same "$(counts)" "$(entries)" 'the count'
run 0 gc
run 0 fsck --quick

# a damaged entry that nothing can mend goes to the trash
echo garbage >"$roots/0123456789abcdef.json"
refuses 'a damaged entry'
run 4 fsck --quick --repair
prints 'ocistore forget --lost'
run 0 forget --lost
prints 'forgot 1 lost entry'
prints 'layouts in the store have theirs anew'
[ -f "$STORE"/.ocistore/trash/*/roots/0123456789abcdef.json ] || fail 'the damaged entry is gone'
run 0 gc

# a layout that cannot be read just now: it has its entry before others are given up, so
# that gc misses it should its folder go
index=$STORE/layouts/app2/index.json
cp "$index" index
rm "$(entry_of app2)"
forget_ids
echo '{' >"$index"
touch -d '-1 minute' "$index" # nobody is about to write the rest
run 0 forget --lost
[ -f "$(entry_of app2)" ] || fail 'app2 is not registered'
same "$(counts)" "$(entries)" 'the count'
mv "$STORE/layouts/app2" away
run 4 gc
mv away "$STORE/layouts/app2"
cp index "$index"
run 0 gc
run 0 fsck --quick

# what may hide a layout
rm "$(entry_of app2)"
mv "$STORE/layouts/app2" away
ln -s "$PWD/away" "$STORE/layouts/app2"
run 4 forget --lost
complains 'layouts/app2 is a link to a folder: nothing was given up'
rm "$STORE/layouts/app2"
mv away "$STORE/layouts/app2"
run 0 forget --lost
run 0 gc

# the whole folder; what lives elsewhere is attached again first, and nothing is lost
forget_ids
rm -r "$roots"
run 4 gc
complains 'ocistore forget --lost'
run 4 import --name fresh "$LAYOUTS/app5"
complains '.ocistore/roots is not there'
complains 'ocistore fsck --repair'
[ ! -e "$STORE/layouts/fresh" ] || fail 'a layout was made that is not registered'
mkdir "$roots"
run 0 attach elsewhere
refuses 'the folder'
run 0 forget --lost
run 0 gc --now
run 0 fsck --quick
same "$(counts)" "$(entries)" 'the count'

# and without that: what only the lost layout listed becomes garbage
rm -r "$roots"
run 0 forget --lost
same "$(counts)" "$(entries)" 'the count'
run_json 0 gc --now --max-delete 100%
holds 'last.trashed > 0'
run 0 fsck --quick

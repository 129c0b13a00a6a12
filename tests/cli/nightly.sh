#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# The jobs of contrib: what is listed again comes back by them, and after damage nothing goes.
. "${0%/*}/lib.sh"
need_layouts
CONTRIB=$here/../../contrib
STORE=$TEMPORARY/store
OCISTORE=$STORE
export OCISTORE
mkdir bin && ln -s "$OCISTORE_BIN" bin/ocistore || fail 'no link to the program'
PATH=$TEMPORARY/bin:$PATH

# What the crontab runs, and what systemd does with the lines of the unit ("-": whatever comes).
sed -n 's/^17 3 \* \* \* root //p' "$CONTRIB/ocistore.cron" >cron
sed -n 's/^ExecStart=//p' "$CONTRIB/ocistore@.service" |
    sed 's/^-\(.*\)/\1 || :/; t; s/$/; s=$?; [ $s -le 1 ] || exit $s/' >unit
grep -q gc cron && grep -q gc unit || fail 'no gc in the jobs'

trashed() { find "$STORE/.ocistore/trash" -type f -path '*/sha256/*' | wc -l; }
for job in cron unit; do
    rm -rf "$STORE"
    run 0 init "$STORE"
    run 0 import "$LAYOUTS/app1" "$LAYOUTS/base"
    cp "$STORE/layouts/app1/index.json" keep
    run 0 rm app1
    run 0 gc --grace 0
    [ "$(trashed)" -gt 0 ] || fail 'nothing is in the trash'
    mkdir "$STORE/layouts/app1"
    cp keep "$STORE/layouts/app1/index.json"
    cp "$LAYOUTS/app1/oci-layout" "$STORE/layouts/app1"
    sh "./$job" >out 2>err
    same "$?" 0 "$job: status"
    same_files out /dev/null "$job prints"
    silent
    same "$(trashed)" 0 "$job: left in the trash"

    # Damage: what has had its time in the trash stays, and the status is told.
    run 0 import "$LAYOUTS/app4"
    run 0 rm app4
    run 0 gc --grace 0
    before=$(trashed)
    for folder in "$STORE"/.ocistore/trash/2*; do # as if it had been there for long
        mv "$folder" "$STORE/.ocistore/trash/20200101T000000Z-${folder##*-}"
        break
    done
    layer=$(find "$STORE/blobs" -type f -size +2k | sort | head -n 1)
    chmod u+w "$layer"
    printf X | dd of="$layer" bs=1 seek=9 conv=notrunc status=none
    sh "./$job" >out 2>err
    status=$?
    [ "$job" = cron ] || same "$status" 4 "$job: status of damage"
    prints 'blob-digest-mismatch'
    [ "$job" != cron ] || prints 'exit status 4'
    same "$(trashed)" "$before" "$job: took something although there is damage"
done

# They are installed with the text that says how they are used.
if command -v cmake >/dev/null 2>&1 && [ -e "${OCISTORE_BIN%/*}/cmake_install.cmake" ]; then
    DESTDIR=$TEMPORARY/installed cmake --install "${OCISTORE_BIN%/*}" >out 2>err || fail 'cmake --install'
    text=$(find installed -name nightly.md)
    for file in "$CONTRIB"/ocistore@.* "$CONTRIB/ocistore.cron"; do
        same_files "$file" "${text%/*}/contrib/${file##*/}" "${file##*/} is not beside nightly.md"
    done
fi

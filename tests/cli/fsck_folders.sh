#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# The folders of .ocistore: one that is not there is made when it is wanted, and something
# else in its place is told by every command.
. "${0%/*}/lib.sh"
store_with_layouts
export OCISTORE="$STORE"
state=$STORE/.ocistore

for folder in trash quarantine tmp locks/layouts; do
    mv "$state/$folder" away
    for odd in file link; do
        case $odd in
        file) echo x >"$state/$folder" ;;
        link) ln -s "$PWD/away" "$state/$folder" ;;
        esac
        run 4 fsck --quick
        prints "error: store-folder-invalid: .ocistore/$folder: is a link or no folder"
        prints 'move it away: a folder is made when it is wanted'
        run 4 fsck --quick --repair
        for command in 'gc --now' 'rm app1' "import $LAYOUTS/app1" 'trash' 'trash restore app1' 'status' 'ls'; do
            # shellcheck disable=SC2086
            run 4 $command
            complains ".ocistore/$folder is a link or no folder"
            complains 'move it away'
        done
        rm "$state/$folder"
    done
    run 0 fsck --quick
    run 0 rm app1
    run 0 gc --now
    run 0 import "$LAYOUTS/app1"
    run 0 fsck --quick
    rm -rf "${state:?}/$folder"
    mv away "$state/$folder"
done

mv "$state/locks" away
echo x >"$state/locks"
run 4 ls
complains '.ocistore/locks is a link or no folder'
run 8 fsck
complains 'move it away'

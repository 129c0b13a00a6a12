#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# A layout that cannot be read keeps nobody from working with the others; what looks at
# all of them says that it did not see it, and gc refuses.
. "${0%/*}/lib.sh"
need_layouts
export OCISTORE=store
blob=sha256:$(jq -r '.manifests[0].digest[7:]' "$LAYOUTS/app2/index.json")

looks() { # STATUS: of what looks at all layouts
    run "$1" ls
    complains 'app1'
    grep -qE '^app1 +\? +\?' out || fail 'ls has figures of a layout that it did not see'
    grep -qE '^app2 +[0-9]' out || fail 'ls does not list the others'
    run_json "$1" ls
    holds 'any(.name == "app1" and .images == null and .bytes == null and (.trouble | length > 0))
        and any(.name == "app2" and .images > 0 and .trouble == null) and last.layouts == 3'
    run "$1" du
    grep -qE '^app1 +\?' out || fail 'du has figures of a layout that it did not see'
    run_json "$1" du
    holds 'any(.layout == "app1" and .total_bytes == null and .trouble) and last.layouts == 3
        and any(.layout == "app2" and .total_bytes > 0 and .trouble == null)'
    run_json "$1" why "$blob"
    holds 'any(.type == "path" and .layout == "app2")'
    run "$1" ls app1
    run 0 ls app2
    run 0 tree app2:latest
    run_json 0 status
    holds 'last | .troubled_layouts == 1 and (.gc_refuses | length > 0)'
    run 4 gc --now
    run_json 4 fsck --quick
    holds --arg id "$2" 'any(.id == $id and (.path | startswith("layouts/app1")))'
    run 0 tag app2:latest again
    run 0 rm app2:again
}

for what in truncated absent gone; do
    rm -rf store
    run 0 init store
    run 0 import "$LAYOUTS/app1" "$LAYOUTS/app2" "$LAYOUTS/base"
    case $what in
    truncated) truncate -s 40 store/layouts/app1/index.json && looks 4 index-invalid ;;
    absent) rm store/layouts/app1/index.json && looks 4 index-unreadable ;;
    gone) rm -r store/layouts/app1 && looks 4 layout-missing ;;
    esac
done

# The same where it is a matter of rights, which root does not lack: that is 8.
without_root
OCISTORE_BIN=$rightless
rm -rf store
mkdir store
[ "$(id -u)" -ne 0 ] || chown 65534 store
cp -a "$LAYOUTS/app1" "$LAYOUTS/app2" "$LAYOUTS/base" .
chmod -R a+rX app1 app2 base
run 0 init store
run 0 import app1 app2 base
chmod 000 store/layouts/app1
looks 8 index-unreadable
chmod 755 store/layouts/app1
chmod 000 store/layouts/app1/index.json
looks 8 index-unreadable
chmod 644 store/layouts/app1/index.json

# A folder of which nobody knows what it is.
mkdir -p store/layouts/team
[ "$(id -u)" -ne 0 ] || chown 65534 store/layouts/team
chmod 000 store/layouts/team
run 4 ls
grep -qE '^app1 +[0-9]' out || fail 'ls does not list what it sees'
complains 'layouts/team: Permission denied'
complains 'make the folder readable'
run 4 ls team
run 4 gc --now
run_json 4 fsck --quick
holds 'any(.id == "roots-entry-damaged" and .path == "layouts/team")'
run 0 ls app1
chmod 755 store/layouts/team
run 0 gc --now
run 0 ls

# What cannot be opened is called by its path, once.
blobs=$PWD/app1/blobs
mkdir other
[ "$(id -u)" -ne 0 ] || chown 65534 other
run 0 init other
calls() { # TEXT ARG...
    text=$1
    shift
    "$OCISTORE_BIN" "$@" >out 2>err && fail "'$*' reads what may not be read"
    cat out >>err
    complains "$text"
    ! grep -q 'blobs/blobs' err || fail "'$*' says blobs/blobs"
}
[ "$(id -u)" -ne 0 ] || chown -R 65534 app1
chmod 000 app1/blobs/sha256
calls "$blobs/sha256: Permission denied" fsck "$PWD/app1"
calls "$blobs/sha256" --store other import "$PWD/app1"
chmod 000 app1/blobs
calls "$blobs: Permission denied" fsck "$PWD/app1"
calls "$blobs: Permission denied" --store other import "$PWD/app1"
chmod -R u+rwX app1
chmod 000 store/blobs/sha256
calls ' blobs/sha256: Permission denied' ls app1
chmod 755 store/blobs/sha256
chmod 000 store/blobs
calls ' blobs: Permission denied' ls app1
chmod 755 store/blobs

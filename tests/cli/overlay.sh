#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# A store in the lower layer of an overlayfs, where folders cannot be renamed.
. "${0%/*}/lib.sh"
need unshare mount umount
need_layouts
if [ "${1:-}" != inside ]; then
    [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null || skip 'no mounts of our own here'
    unshare -m sh "$here/overlay.sh" inside
    exit
fi
trap 'umount "$TEMPORARY/both" "$TEMPORARY/disk" 2>/dev/null; rm -rf "$TEMPORARY"' EXIT
cd "$(pwd -P)" || exit 1
mkdir disk both lower
mount -t tmpfs -o size=40m tmpfs disk || skip 'no tmpfs of our own here'
mkdir disk/upper disk/work
run 0 init lower
run 0 --store lower import "$LAYOUTS/base" "$LAYOUTS/app1" "$LAYOUTS/app2"
run 0 --store lower gc
mount -t overlay -o "redirect_dir=off,lowerdir=$PWD/lower,upperdir=$PWD/disk/upper,workdir=$PWD/disk/work" overlay both ||
    skip 'no overlayfs here'
OCISTORE=$PWD/both
export OCISTORE

# mv says the other way; it is one.
run_json 8 mv app1 moved
holds 'any(.type == "error" and (.message | contains("Invalid cross-device link")))'
hint=$(jq -r 'select(.type == "error").hint' out)
case $hint in
*'a folder of a lower layer cannot be renamed'*) ;;
*) fail "the hint is: $hint" ;;
esac
run 0 tree app1:latest
first=${hint#*: ocistore }
# shellcheck disable=SC2086
run 0 ${first%%,*}
run 0 rm app1
run 0 tree moved:latest
[ ! -e both/layouts/app1 ] || fail 'the folder stayed'

# rm moves the files one by one; it comes back.
echo read >both/layouts/app2/README
run 0 rm app2
complains "what else lies in $OCISTORE/layouts/app2 stays there"
run 0 trash restore app2
run 0 tree app2:latest
run 0 fsck
run 0 gc --now
run 0 fsck

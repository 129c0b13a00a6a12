#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# An archive is not a layout yet: said so, with what to do instead.
. "${0%/*}/lib.sh"
need_layouts
run 0 init store
tar -C "$LAYOUTS/base" -cf base.tar .
gzip -k base.tar
mv base.tar.gz base.tgz
for source in base.tar base.tgz oci-archive:base.tar -; do
    run_json 16 --store store import "$source" </dev/null
    complains 'archive'
done
run_json 0 --store store ls
holds 'length == 1'
[ -z "$(find store/blobs -type f)" ] || fail 'something came in'

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Complete images that no layout lists, nor did when gc last looked, are named before a gc without grace takes
# them, also with --quiet; those that were listed once are not.
. "${0%/*}/lib.sh"
need_layouts

# A shared folder of blobs with two layouts around it, of which one is attached.
mkdir shared
for name in base app1; do
    tag=$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' "$LAYOUTS/$name/index.json")
    skopeo --insecure-policy copy --quiet --dest-shared-blob-dir shared/blobs \
        "oci:$LAYOUTS/$name:$tag" "oci:$name:$tag" || fail 'skopeo cannot copy'
done
manifest=$(jq -r '.manifests[0].digest' app1/index.json)
run_json 0 init shared
holds '.[0] | .blobs > 4 and .layouts == 0'
rm -r shared/.ocistore
run 0 init shared
prints 'shared is a store now; '
prints 'which no layout here names'
prints 'attach every layout elsewhere that uses them before the first gc'
layer=$(jq -r '.layers[0].digest' "shared/blobs/sha256/$(jq -r '.manifests[0].digest' base/index.json | cut -d : -f 2)")
mv "shared/blobs/sha256/${layer#*:}" layer
run 0 --store shared attach base
complains "layout 'base': 1 of the blobs that it needs is not in"
mv layer "shared/blobs/sha256/${layer#*:}"
run 0 --store shared attach base
silent

run 0 --store shared -q gc
silent
run 0 --store shared gc --now --dry-run
prints '1 complete image listed in no layout would go'
run 0 --store shared -q gc --now
complains "gc: taking 1 complete image that no layout lists (of a layout that is not attached, or of a tag that moved?)"
complains "$manifest"

# What a layout had listed goes without a word.
run 0 --store shared import "$LAYOUTS/app1"
run 0 --store shared -q gc
echo '{"schemaVersion":2,"manifests":[]}' >shared/layouts/app1/index.json
run 0 --store shared -q gc --now --max-delete 100%
silent
[ ! -e "shared/blobs/sha256/${manifest#sha256:}" ] || fail 'the image is there still'

# Without the entries of the layouts gc refuses.
mv shared/.ocistore/roots roots
run 4 --store shared gc
complains '.ocistore/roots is not there'

#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# fsck --repair: a dry run changes nothing, a copy heals, without one the damage is set
# aside and the command printed that brings it back; what was done can be undone.
. "${0%/*}/lib.sh"
. "$here/walk.sh"
store_with_layouts

manifest=$(jq -r '.manifests[0].digest' "$STORE/layouts/app1/index.json")
in_store() { blob_file "$STORE/blobs" "$1"; }
layer=$(jq -r '.layers[-1].digest' "$(in_store "$manifest")")
other=$(jq -r '.manifests[0].digest' "$STORE/layouts/app2/index.json")
config=$(jq -r '.config.digest' "$(in_store "$other")")
damage() { # a layer changed, the config of another image lost, a manifest cut
    chmod u+w "$(in_store "$layer")" "$(in_store "$manifest")"
    printf X | dd of="$(in_store "$layer")" bs=1 seek=60 conv=notrunc status=none
    rm -f "$(in_store "$config")"
    head -c 40 "$(in_store "$manifest")" >cut && cat cut >"$(in_store "$manifest")"
}
state() {
    (cd "$STORE" && find . -path ./.ocistore/graph -prune -o -path ./.ocistore/locks -prune \
        -o -type f -printf '%p %i %s %m %T@\n' | sort)
}

# wrong usage
run 16 --store "$STORE" fsck --dry-run
run 16 --store "$STORE" fsck --from "$LAYOUTS/app1"
run 16 --store "$STORE" fsck --repair --from not-there
run 16 fsck --repair "$LAYOUTS/app1"

# nothing to do
run_json 0 --store "$STORE" fsck --repair
holds 'last.corrected == 0 and last.findings == {}'

damage
run 4 --store "$STORE" fsck
state >before
run_json 4 --store "$STORE" fsck --repair --dry-run --from "$LAYOUTS/app2" --from "$LAYOUTS/app1"
state >after
same_files before after '--dry-run changed something'
holds --arg layer "$layer" --arg config "$config" --arg layouts "$LAYOUTS" 'last.corrected == 0
    and ([.[] | select(.digest == $layer or .digest == $config)]
        | map(.id + " " + .action + " " + (.corrected | tostring)) | sort
        == (["blob-digest-mismatch would be copied from " + $layouts + "/app1 false",
             "config-missing would be copied from " + $layouts + "/app2 false"]))'
run 4 --store "$STORE" fsck --repair --dry-run --from "$LAYOUTS/app1"
prints "  would be copied from $LAYOUTS/app1"

# A copy elsewhere: everything is healed in one run, what lies behind the manifest too.
run_json 1 --store "$STORE" fsck --repair --from "$LAYOUTS/app2" --from "$LAYOUTS/app1"
holds --arg layer "$layer" --arg config "$config" --arg manifest "$manifest" '
    map(select(.type == "finding" and .corrected) | .digest) as $done
    | ([$layer, $config, $manifest] - $done == []) and last.corrected == last.errors + last.warnings'
run_json 0 --store "$STORE" fsck
holds 'last.findings["quarantine-unresolved"] == 2 and last.errors == 0 and last.warnings == 0'
skopeo copy -q "oci:$STORE/layouts/app1:latest" --src-shared-blob-dir "$STORE/blobs" oci:out1:x ||
    fail 'the healed image cannot be copied'
grep -q "\"copy\".*$layer" "$STORE"/.ocistore/journal/* || fail 'the journal does not tell of the copy'

# The bytes lie in the trash: no copy is needed.
run 0 --store "$STORE" rm app2
run 0 --store "$STORE" gc --grace 0
[ -n "$(find "$STORE/.ocistore/trash" -type f -path '*/blobs/*')" ] || fail 'nothing in the trash'
cp -r "$LAYOUTS/app2" "$STORE/layouts/app2"
rm -rf "$STORE/layouts/app2/blobs"
run_json 4 --store "$STORE" fsck
holds 'last.findings["trash-referenced"] >= 1'
run 1 --store "$STORE" fsck --repair
prints 'restored from .ocistore/trash/'
prints 'of them corrected'
run 0 --store "$STORE" fsck

# Without a copy: set aside, and the command that brings it back.
damage
run 4 --store "$STORE" fsck --repair
prints "moved to .ocistore/quarantine; skopeo copy --dest-shared-blob-dir"
sed -n 's/.*skopeo copy/skopeo copy/p' out | sort -u >commands
cp out said
run_json 4 --store "$STORE" fsck
holds --arg layer "$layer" 'any(.id == "quarantine-unresolved" and .digest == $layer
    and .severity == "error" and any(.affects[]; .layout == "app1"))'
# It is what it says, but that this test has no registry.
grep -qF "docker://REGISTRY/app1:latest oci:$STORE/layouts/app1:latest" commands ||
    fail "not the command that brings app1 back: $(cat commands)"
sed "s|docker://REGISTRY/\([a-z0-9]*\):\([^ ]*\)|oci:$LAYOUTS/\1:\2|" commands >runnable
sh -e runnable >/dev/null || fail 'the printed command fails'
run_json 0 --store "$STORE" fsck
holds 'all(.severity != "error")'

# Undone by moving it back.
damaged=$(find "$STORE/.ocistore/quarantine" -name "${layer#*:}.*" -printf '%T@ %p\n' | sort -n | tail -n 1 |
    cut -d ' ' -f 2)
mv "$damaged" "$(in_store "$layer")"
run_json 4 --store "$STORE" fsck
holds --arg layer "$layer" 'any(.id == "blob-digest-mismatch" and .digest == $layer)'
mkdir empty
run 0 --store "$STORE" fsck --quick --repair --from empty --from "$LAYOUTS/app1" --dry-run
complains '--from empty: no blobs are there: a layout was expected, or its folder blobs'
[ "$(wc -l <err)" -eq 1 ] || fail 'a notice about a layout with blobs'
run 1 --store "$STORE" fsck --repair --from "$LAYOUTS/app1/blobs"
silent
run 0 --store "$STORE" fsck

# A lost index.json, a lost oci-layout, and a graph that cannot be read.
cp "$STORE/layouts/app3/index.json" index
rm "$STORE/layouts/app3/index.json"
: >"$STORE/layouts/app4/oci-layout"
touch -d '1 hour ago' "$STORE/layouts/app4/oci-layout" # or it may be being written
truncate -s 12288 "$STORE/.ocistore/graph/data.mdb"
run_json 1 --store "$STORE" fsck --repair
holds 'last.findings["index-unreadable"] == 1 and last.findings["layout-version"] == 1
    and last.findings["graph-corrupt"] == 1 and last.corrected == 3'
run 0 --store "$STORE" fsck
same_files index "$STORE/layouts/app3/index.json" 'another index.json came back'
ls "$STORE"/layouts/app4/oci-layout.damaged.* >/dev/null || fail 'the damaged oci-layout is gone'

# In place, under the name of a registry, and without a name.
cp -r "$LAYOUTS/app1" placed
run 0 init placed
manifest=$(jq -r '.manifests[0].digest' placed/index.json)
layer=$(blob_file placed/blobs "$(jq -r '.layers[0].digest' "$(blob_file placed/blobs "$manifest")")")
name() { # JQ: what becomes of an entry
    jq "del(.manifests[].annotations) | .manifests[] |= $1" placed/index.json >named
    cat named >placed/index.json
    cp "$layer" saved
    printf X | dd of="$layer" bs=1 seek=60 conv=notrunc status=none
    run 4 fsck --repair placed
    cp saved "$layer"
}
chmod u+w "$layer"
name '. + {annotations: {"org.opencontainers.image.ref.name": "v1"}}'
prints "docker://REGISTRY/NAME:v1 oci:$TEMPORARY/placed:v1"
name '. + {annotations: {"org.opencontainers.image.ref.name": "shop:1.0"}}'
prints "docker://REGISTRY/shop:1.0 oci:$TEMPORARY/placed:shop:1.0"
name '. + {annotations: {"org.opencontainers.image.ref.name": "quay.io/shop/web:2"}}'
prints "docker://quay.io/shop/web:2 oci:$TEMPORARY/placed:quay.io/shop/web:2"
name .
prints "docker://REGISTRY/NAME@$manifest oci:$TEMPORARY/placed"

# A job by night prints nothing when nothing is wrong, whatever there is to notice.
run 0 init quiet
run 0 --store quiet import "$LAYOUTS/base" "$LAYOUTS/app1"
jq -c '.manifests = .manifests[:1]' quiet/layouts/app1/index.json >index
cp index quiet/layouts/app1/index.json
run 0 --store quiet fsck
prints 'notice: manifest-dangling'
run 0 --store quiet --quiet fsck
[ ! -s out ] || fail '--quiet fsck prints something of a store without damage'
silent

# What the quarantine holds and nobody needs may go, once the copy in place was read.
layer=$(find quiet/blobs/sha256 -type f -printf '%s %f\n' | sort -n | tail -n 1 | cut -d' ' -f2)
chmod u+w "quiet/blobs/sha256/$layer"
printf X | dd of="quiet/blobs/sha256/$layer" bs=1 seek=3 conv=notrunc status=none
run 4 --store quiet fsck --repair
run_json 4 --store quiet fsck
holds 'any(.id == "quarantine-unresolved" and .severity == "error" and .action == null)'
run 0 --store quiet import "$LAYOUTS/base"
run_json 0 --store quiet fsck
holds 'any(.id == "quarantine-unresolved" and .severity == "info" and (.action | contains("removed by hand")))'
run_json 0 --store quiet fsck --quick
holds 'any(.id == "quarantine-unresolved" and .severity == "info" and .action == null)'

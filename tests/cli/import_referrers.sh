#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Referrers that lie in a source without being in its index.json come along with their
# subject, as gc and fsck count them as needed there, and stay.
. "${0%/*}/lib.sh"
need jq sha256sum
. "$here/images.sh"

# tagged TAG: the descriptor with a name.
tagged() {
    printf '{"mediaType":"%s.%s.v1+json",%s,"annotations":{"org.opencontainers.image.ref.name":"%s"}}' \
        "$type" "${2:-manifest}" "$told" "$1"
}
brought() { # STORE HEX...
    store=$1
    shift
    for digest; do
        [ -f "$store/blobs/sha256/$digest" ] || fail "$digest is not in $store"
    done
}

# index `multi` of one platform; an SBOM of the platform, a signature of the SBOM, and an
# index about `multi` with a manifest that has a signature of its own: none of them listed.
image source platform
platform=$(manifest)
put source "{\"schemaVersion\":2,\"manifests\":[$platform]}"
multi=$(tagged multi index) about_multi="{\"mediaType\":\"$type.index.v1+json\",$told}"
image source sbom ",\"subject\":$platform"
sbom=$hex sbom_layer=$layer
image source signature ",\"subject\":$(manifest)"
signature=$hex signature_layer=$layer
image source attestation
attestation=$hex part=$(manifest)
image source signed ",\"subject\":$part"
signed=$hex
put source "{\"schemaVersion\":2,\"manifests\":[$part],\"subject\":$about_multi}"
about=$hex
# another image with a referrer, and a document that refers to nobody here
image source other
other_entry=$(tagged other)
image source others ",\"subject\":$(manifest)"
others=$hex
image source stranger ",\"subject\":{\"mediaType\":\"$type.manifest.v1+json\",\"digest\":\"sha256:$zeros\",\"size\":7}"
stranger=$hex
list source "$multi,$other_entry"

# The whole layout.
run 0 init whole
run_json 0 --store whole import source
holds 'last | .images == 2 and .referrers == 5'
brought whole "$sbom" "$sbom_layer" "$signature" "$signature_layer" "$attestation" "$signed" "$about" "$others"
[ ! -e "whole/blobs/sha256/$stranger" ] || fail 'what refers to nobody came in'
run 0 fsck --strict whole
run 0 --store whole gc --now
brought whole "$sbom" "$sbom_layer" "$signature" "$signature_layer" "$attestation" "$signed" "$about" "$others"

# Once more: nothing new, and the same is said.
run 0 --store whole import source
prints '2 images, and beside them 5 referrers; 0 blobs copied'

# One image of it: its referrers alone.
run 0 init one
run 0 --store one import source:other
prints '1 image, and beside them 1 referrer; 6 blobs copied'
brought one "$others"
[ ! -e "one/blobs/sha256/$sbom" ] || fail 'the referrer of another image came in'

# Twice the same folder in one call.
run 0 init two
run_json 0 --store two import --name both source:multi source:other
holds 'last | .images == 2 and .referrers == 5'

# A folder that others share is not searched.
run 0 init shared
cp -a source bare
mv bare/blobs pool
run_json 0 --store shared import --shared-blobs pool bare
holds 'last | .images == 2 and .referrers == 0'

# An entry that was taken out of the store, and has gone, is not brought in by the back door.
cp -a source listed
list listed "$multi,$(told=$(printf '"digest":"sha256:%s","size":%s' "$sbom" "$(wc -c <"source/blobs/sha256/$sbom")") tagged sbom)"
run 0 init taken
run 0 --store taken import --name source listed
run 0 --store taken gc
run 0 --store taken rm source:sbom
run 0 --store taken gc --now --max-delete 100%
[ ! -e "taken/blobs/sha256/$sbom" ] || fail 'the referrer that was taken out is still there'
run 0 --store taken import source
complains "the referrer sha256:$sbom is left out: its entry was taken out of the store"
[ ! -e "taken/blobs/sha256/$sbom" ] || fail 'the referrer came back without an entry'

# One that is not whole is named and left out, and the image comes in; one that is damaged
# is no success.
rm "source/blobs/sha256/$sbom_layer"
sed -i 's,layer.v1.tar,layer.v1.tax,' "source/blobs/sha256/$signed"
run 0 init broken
run 4 --store broken import source:multi
prints '1 image, and beside them 1 referrer;'
complains "source:multi: the referrer sha256:$sbom is not complete: left out"
complains "import: source:multi: sha256:$signed: the copy in source/blobs: "
[ ! -e "broken/blobs/sha256/$sbom" ] || fail 'a referrer without its layer came in'
brought broken "$about" "$attestation"
run 0 fsck --strict broken

# Nor is one that gives its subject another size: fsck would complain of the image for ever.
image lying good
good=$(tagged good)
image lying liar ",\"subject\":$(manifest | sed 's/"size":/&1/')"
liar=$hex liar_told=$(manifest)
list lying "$good"
run 0 init lies
run 4 --store lies import lying
prints '1 image; 3 blobs copied'
complains 'bytes, and its descriptor says'
[ ! -e "lies/blobs/sha256/$liar" ] || fail 'a referrer that lies of its subject came in'
run 0 fsck --strict lies
# Of the two fsck names the one that lies, listed or not, and also where nothing else says the size.
for entries in "$good,$liar_told" "$good" "$liar_told"; do
    list lying "$entries"
    run_json 4 fsck lying
    holds --arg liar "sha256:$liar" 'map(select(.severity == "error") | [.id, .digest]) ==
        [["descriptor-size-conflict", $liar]]'
done

# What cannot be read as a document may have been one: of an entry's manifest, of a referrer;
# and what names nothing that came in is of nobody.
image torn good
good=$(tagged good)
image torn sbom ",\"subject\":$(manifest)"
sbom_told=$(manifest)
image torn cut ",\"subject\":$sbom_told"
cut=$hex
truncate -s -9 "torn/blobs/sha256/$cut"
put torn "{\"schemaVersion\":2,\"subject\":$good,\"subject\":$good}"
twice=$hex
put torn "{\"layers\":[$layer_told]"
stray=$hex
{ printf '{"subject":%s,"x":"' "$good"; head -c $((33 << 20)) /dev/zero | tr '\0' x; printf '"}'; } >huge
huge=$(sha256sum <huge | cut -d' ' -f1)
mv huge "torn/blobs/sha256/$huge"
list torn "$good"
run 0 init half
run 4 --store half import torn
prints '1 image, and beside them 1 referrer;'
for digest in "$cut" "$twice" "$huge"; do
    complains "torn: sha256:$digest, which no entry leads to, names sha256:"
    [ ! -e "half/blobs/sha256/$digest" ] || fail 'what cannot be read came in'
done
! grep -q "$stray" err || fail 'what names nothing that came in was told'
run 0 fsck --strict half

# Nor is one that cannot be read.
without_root
chmod 000 "source/blobs/sha256/$others"
run 0 init unread
[ "$(id -u)" -ne 0 ] || chown -R 65534 unread source
"$rightless" --store unread import source:other >out 2>err
same "$?" 8 'the exit status'
prints '1 image; 3 blobs copied'
complains '1 cannot be read: referrers among them are left out'
run 0 fsck unread

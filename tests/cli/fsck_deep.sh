#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# fsck --deep and `gzip -dc | sha256sum` agree on what every tool compresses: each
# image is made once with the right diff_ids and once with none that is right.
. "${0%/*}/lib.sh"
need gzip pigz zstd skopeo jq python3 openssl

digest_of() { # on standard input
    sha256sum | cut -d' ' -f1
}

put_blob() { # LAYOUT FILE: prints the digest
    digest=$(digest_of <"$2")
    cp "$2" "$1/blobs/sha256/$digest"
    printf 'sha256:%s' "$digest"
}

# make_layout LAYOUT LIST: a line "diff_id media-type file" for each layer.
make_layout() {
    mkdir -p "$1/blobs/sha256"
    printf '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
    cut -d' ' -f1 "$2" | jq -R . |
        jq -sc '{architecture: "amd64", os: "linux", rootfs: {type: "layers", diff_ids: .}}' >config
    while read -r _ media file; do
        printf '{"mediaType":"application/vnd.oci.image.layer.v1.%s","digest":"%s","size":%s}\n' \
            "$media" "$(put_blob "$1" "$file")" "$(stat -c %s "$file")"
    done <"$2" >descriptors
    jq -sc --arg config "$(put_blob "$1" config)" --argjson size "$(stat -c %s config)" '{
        schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
        config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $config, size: $size},
        layers: .}' descriptors >manifest
    jq -nc --arg digest "$(put_blob "$1" manifest)" --argjson size "$(stat -c %s manifest)" '{
        schemaVersion: 2, manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json",
        digest: $digest, size: $size, annotations: {"org.opencontainers.image.ref.name": "x"}}]}' \
        >"$1/index.json"
}

# agrees LIST: nothing is wrong with LIST; with digests of nothing instead of its
# diff_ids, those of LIST are what was found, in one thread and in eight.
agrees() {
    rm -rf right wrong
    sort -u -k3 "$1" >right.list
    none=sha256:$(digest_of </dev/null)
    sed "s/^[^ ]*/$none/" right.list >wrong.list
    make_layout right right.list
    make_layout wrong wrong.list
    run_json 0 fsck --deep right
    holds 'all(.type != "finding")'
    run_json 4 fsck --deep -j1 wrong
    jq -r 'select(.id == "diff-id-mismatch") | .digest + " " + .actual' out | sort >found
    while read -r diff_id _ file; do
        printf 'sha256:%s %s\n' "$(digest_of <"$file")" "$diff_id"
    done <right.list | sort -u >expected # two names of the same bytes are one blob
    same_files expected found "--deep and the other tools disagree"
    grep '"finding"' out >one_thread
    run_json 4 fsck --deep -j8 wrong
    grep '"finding"' out >eight_threads
    same_files one_thread eight_threads 'the output depends on the number of threads'
}

# by_gzip FILE...: the list of these, as gzip sees them.
by_gzip() {
    for file; do
        printf 'sha256:%s tar+gzip %s\n' "$(gzip -dc <"$file" | digest_of)" "$file"
    done
}

# ---- what compresses gzip ----

tar -C / -cf real.tar usr/share/doc/gzip usr/share/doc/libc6 etc/services 2>/dev/null || [ -s real.tar ] ||
    fail 'tar'
openssl enc -aes-256-ctr -K 00 -iv 00 </dev/zero 2>/dev/null | head -c 3000000 >noise
{ cat real.tar noise && head -c 3000000 /dev/zero && cat real.tar; } >layer.tar
head -c 300000 layer.tar >small.tar
for level in 1 6 9; do
    gzip -n -$level <layer.tar >gzip$level.gz
    pigz -n -$level -p4 -b128 <layer.tar >pigz$level.gz
done
gzip -k -c layer.tar >named.gz
gzip -n --rsyncable <layer.tar >rsyncable.gz 2>/dev/null || rm -f rsyncable.gz
pigz -p4 -i -c layer.tar >independent.gz
pigz -p2 -11 -c small.tar >zopfli.gz
python3 - <<'END' || fail 'python3'
import gzip, zlib
layer = open("layer.tar", "rb").read()
# eStargz: a member for each file or piece of one, and a footer that holds nothing
with open("estargz.gz", "wb") as out:
    for at in range(0, len(layer), 50000):
        out.write(gzip.compress(layer[at:at + 50000], 9))
    extra = b"SG\x16\x00" + b"%016xSTARGZ" % len(layer)
    out.write(b"\x1f\x8b\x08\x04\0\0\0\0\0\xff" + bytes([len(extra), 0]) + extra)
    out.write(b"\x01\0\0\xff\xff" + bytes(8))
with open("stored.gz", "wb") as out:
    out.write(gzip.compress(layer, 0))
for name, strategy in ("fixed", zlib.Z_FIXED), ("huffman", zlib.Z_HUFFMAN_ONLY):
    deflate = zlib.compressobj(6, zlib.DEFLATED, 31, 9, strategy)
    with open(name + ".gz", "wb") as out:
        out.write(deflate.compress(layer) + deflate.flush())
END
by_gzip ./*.gz >list
[ "$(wc -l <list)" -ge 13 ] || fail 'streams are missing'
agrees list

# ---- what Debian compressed ----

find /usr/share/doc /usr/share/man /usr/share/info -type f -name '*.gz' -size -2000k 2>/dev/null | sort |
    awk 'NR % 17 == 1 && n++ < 60' >found.gz
find /usr/share /usr/lib -xdev -type f -name '*.tar.gz' -size -20000k 2>/dev/null | sort | head -n 10 >>found.gz
if [ -s found.gz ]; then
    # shellcheck disable=SC2046 # names without blanks
    by_gzip $(grep -v '[[:space:]]' found.gz) >list
    agrees list
fi

# ---- skopeo: gzip, zstd, nothing ----

{
    gzip -dc gzip6.gz | digest_of | sed 's/.*/sha256:& tar+gzip gzip6.gz/'
    digest_of <real.tar | sed 's/.*/sha256:& tar real.tar/'
} >list
make_layout made list
skopeo copy -q --dest-decompress oci:made:x dir:plain || fail 'skopeo copy without compression'
skopeo copy -q dir:plain oci:plain-oci:x || fail 'skopeo copy of plain layers'
for format in gzip zstd; do
    skopeo copy -q --dest-compress --dest-compress-format $format dir:plain oci:$format-oci:x ||
        fail "skopeo copy to $format"
done
for layout in made plain-oci gzip-oci zstd-oci; do
    run_json 0 fsck --deep "$layout"
    holds 'all(.type != "finding")'
done
ls zstd-oci/blobs/sha256 | while read -r blob; do
    zstd -dc "zstd-oci/blobs/sha256/$blob" 2>/dev/null | digest_of
done >plains
while read -r diff_id _; do
    grep -qx "${diff_id#sha256:}" plains || fail 'skopeo did not compress with zstd'
done <list

# ---- bombs ----

head -c 60000000 /dev/zero | zstd -q -19 >bomb.zst
head -c 60000000 /dev/zero | gzip -n -9 >bomb.gz
{
    head -c 60000000 /dev/zero | digest_of | sed 's/.*/sha256:& tar+zstd bomb.zst/'
    head -c 60000000 /dev/zero | digest_of | sed 's/.*/sha256:& tar+gzip bomb.gz/'
} >list
make_layout bombs list
for threads in 1 8; do
    run_json 0 fsck --deep -j$threads bombs
    # zeros are at most a thousandth in gzip, which may be a layer; in zstd they are less
    holds '[.[] | select(.type == "finding") | .severity + " " + .id] == ["warning diff-id-unchecked"]'
done

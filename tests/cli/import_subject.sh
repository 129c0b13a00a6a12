#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# A subject need not be there at all: one that is not complete, in the store or in the
# source, keeps nobody from bringing in what refers to it.
. "${0%/*}/lib.sh"
need jq sha256sum
. "$here/images.sh"

# The source has the referrer, its subject, and the subject's parts but one.
image source subject
subject=$hex lost=$layer entry=$(manifest)
image source referrer ",\"subject\":$entry"
referrer=$hex
list source "$(manifest)"
rm "source/blobs/sha256/$lost"
run 0 init store
run 0 --store store import source
complains "the subject sha256:$subject is not complete: left out"
[ -f "store/blobs/sha256/$referrer" ] || fail 'the referrer did not come in'
[ ! -e "store/blobs/sha256/$subject" ] || fail 'an incomplete subject came in'
run 0 fsck store

# The same when it lies in the store and not in the source.
run 0 init other
mkdir -p other/blobs/sha256
mv "source/blobs/sha256/$subject" other/blobs/sha256/
run 0 --store other import source
[ -f "other/blobs/sha256/$referrer" ] || fail 'the referrer did not come in beside its subject'

# Listed, it is an image like any other.
image whole subject
cp -a whole/blobs/sha256/. source/blobs/sha256/
rm "source/blobs/sha256/$lost"
list source "$(told=$(printf '"digest":"sha256:%s","size":%s' "$referrer" "$(wc -c <"source/blobs/sha256/$referrer")") manifest),$entry"
run 0 init third
run 4 --store third import source
complains "sha256:$lost: is missing"

# And complete, it comes along.
image source subject
list source "$(told=$(printf '"digest":"sha256:%s","size":%s' "$referrer" "$(wc -c <"source/blobs/sha256/$referrer")") manifest)"
run 0 --store third import source
[ -f "third/blobs/sha256/$lost" ] || fail 'the subject did not come along'

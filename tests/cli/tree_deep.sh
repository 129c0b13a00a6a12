#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# An image deeper than tree follows: it says so.
. "${0%/*}/lib.sh"
need jq python3

python3 - <<'END'
import hashlib, json, os

INDEX = "application/vnd.oci.image.index.v1+json"
os.makedirs("source/blobs/sha256")
kids = []
for _ in range(4100):
    text = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": kids}).encode()
    name = hashlib.sha256(text).hexdigest()
    with open("source/blobs/sha256/" + name, "wb") as file:
        file.write(text)
    kids = [{"mediaType": INDEX, "digest": "sha256:" + name, "size": len(text)}]
with open("source/oci-layout", "w") as file:
    json.dump({"imageLayoutVersion": "1.0.0"}, file)
with open("source/index.json", "w") as file:
    json.dump({"schemaVersion": 2, "manifests": kids}, file)
END

run 0 init store
run 0 --store store import source
run_json 4 --store store tree source
holds 'last.nodes == 4097'
complains 'is too deep: what it leads to is not shown'

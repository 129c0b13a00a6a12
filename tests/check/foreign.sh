#!/bin/sh
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Foreign libraries are included by the .c files that own them, never by a header.
. tests/check/files

# header as a pattern, and the files that may include it
allowed='
lmdb\.h                 src/store/graph[a-z_]*\.c
(cjson/)?cJSON\.h       src/store/json\.c src/cli/(output[a-z_]*|cmd_inspect)\.c
uv\.h                   src/store/(workers|beside|hash_pipe)\.c
zlib\.h                 src/store/(crc_zlib|gunzip_zlib)\.c
isa-l.*                 src/store/(crc_isal|gunzip_isal)\.c
zstd\.h                 src/store/inflate\.c
openssl/.*              src/store/hash[a-z0-9_]*\.c
archive(_entry)?\.h     src/store/archive[a-z_]*\.c
'

printf '%s\n' "$allowed" | while read -r header owners; do
    [ -n "$header" ] || continue
    pattern=$(printf '%s' "$owners" | tr ' ' '|')
    tracked 'src/*.c' 'src/*.h' 'include/*.h' |
        xargs grep -lE "^ *# *include *[<\"]$header[>\"]" /dev/null |
        grep -vE "^($pattern)\$" | sed "s|\$|: $header|" || :
done | none 'includes a foreign library that another file owns:'

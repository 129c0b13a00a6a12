#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
"""generate.py FOLDER [TOPIC...]: the corpus as folders, for any program."""

import sys

import corpus

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    corpus.generate(corpus.load(sys.argv[2:]), sys.argv[1])

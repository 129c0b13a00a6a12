# SPDX-License-Identifier: MIT
# SPDX-FileCopyrightText: the ocistore developers
#
# Completion of ocistore(1) for bash: source it, or install it as
# /usr/share/bash-completion/completions/ocistore.
# Commands and options are what the program's own help says.

# _ocistore_commands PROGRAM
_ocistore_commands() {
    "$1" help 2>/dev/null | sed -n '/^Commands/,/^$/s/^  \([a-z][a-z]*\) .*/\1/p'
}

# _ocistore_options PROGRAM [COMMAND]
_ocistore_options() {
    "$1" help ${2:+"$2"} 2>/dev/null |
        sed -n 's/^ \{2,6\}\(-.*\)/\1/p' | sed 's/  .*//' |
        grep -oE -e '--[a-z-]+' -e '^-[a-zA-Z]' | sort -u
}

# Names of layouts, as the program lists them.
_ocistore_layouts() {
    "$@" --json ls 2>/dev/null | sed -n 's/.*"type":"layout","name":"\([^"\\]*\)".*/\1/p'
}

# Names of layouts and of their images.
_ocistore_images() {
    local name
    _ocistore_layouts "$@" |
        while IFS= read -r name; do
            printf '%s\n' "$name"
            "$@" --json ls "$name" 2>/dev/null |
                sed -n 's/.*"type":"image","layout":"\([^"\\]*\)","ref":"\([^"\\]*\)".*/\1:\2/p'
        done
}

# _ocistore_offer WORD...: those that begin like $cur.  Bash breaks words at colons, and wants
# what stands behind the last one alone.
_ocistore_offer() {
    mapfile -t COMPREPLY < <(compgen -W "$*" -- "$cur")
    if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${cur%:*}:"}")
    fi
}

_ocistore() {
    local cur prev command='' store=() i line
    COMPREPLY=()
    line=${COMP_LINE:0:COMP_POINT}
    cur=${line##*[[:space:]]}
    line=${line%"$cur"}
    read -r -a line <<<"$line"
    prev=${line[-1]-}
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --store) store=(--store "${COMP_WORDS[++i]}") ;;
        --color | --lock-timeout) ((i++)) ;;
        -*) ;;
        *)
            command=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    case $prev in
    --store | --shared-blobs | --graph-dir | --from)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return
        ;;
    --color)
        _ocistore_offer auto always never
        return
        ;;
    --link)
        _ocistore_offer auto reflink copy
        return
        ;;
    --image)
        _ocistore_offer "$(_ocistore_images "${COMP_WORDS[0]}" "${store[@]}")"
        return
        ;;
    --metrics)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --name | --tag | -j | --jobs | --grace | --paths | --trash-for | --max-* | --rate | \
        --older-than | --keep-last | --lock-timeout)
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        _ocistore_offer "$(_ocistore_options "${COMP_WORDS[0]}" "$command")"
        return
    fi
    case $command in
    '' | help)
        _ocistore_offer "$(_ocistore_commands "${COMP_WORDS[0]}")"
        ;;
    init | import | attach | fsck)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        ;;
    ls | mv | forget | prune)
        _ocistore_offer "$(_ocistore_layouts "${COMP_WORDS[0]}" "${store[@]}")"
        ;;
    tree | inspect | cat | rm | du | tag)
        _ocistore_offer "$(_ocistore_images "${COMP_WORDS[0]}" "${store[@]}")"
        ;;
    trash)
        if [[ $prev == trash ]]; then
            _ocistore_offer list restore empty
        elif [[ $prev != list && $prev != empty ]]; then
            _ocistore_offer "$("${COMP_WORDS[0]}" "${store[@]}" --json trash list 2>/dev/null |
                sed -n 's/.*"layout":"\([^"\\]*\)".*/\1/p' | sort -u)"
        fi
        ;;
    esac
}
complete -F _ocistore ocistore

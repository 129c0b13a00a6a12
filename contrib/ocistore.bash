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

# Names of layouts and images, as the program lists them.
_ocistore_images() {
    local name
    "$@" --json ls 2>/dev/null | sed -n 's/.*"type":"layout","name":"\([^"\\]*\)".*/\1/p' |
        while IFS= read -r name; do
            printf '%s\n' "$name"
            "$@" --json ls "$name" 2>/dev/null |
                sed -n 's/.*"type":"image","layout":"\([^"\\]*\)","ref":"\([^"\\]*\)".*/\1:\2/p'
        done
}

_ocistore() {
    local cur prev command='' store=() i
    COMPREPLY=()
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n : cur prev
    else
        cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    fi
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
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return
        ;;
    --color)
        mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur")
        return
        ;;
    --link)
        mapfile -t COMPREPLY < <(compgen -W 'auto reflink copy' -- "$cur")
        return
        ;;
    --name | --tag | -j | --jobs | --grace | --paths | --trash-for | --max-delete | --lock-timeout)
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_ocistore_options "${COMP_WORDS[0]}" "$command")" -- "$cur")
        return
    fi
    case $command in
    '' | help)
        mapfile -t COMPREPLY < <(compgen -W "$(_ocistore_commands "${COMP_WORDS[0]}")" -- "$cur")
        ;;
    init | import | attach | fsck)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        ;;
    ls | tree | inspect | cat | rm | du | prune | tag | mv | forget)
        mapfile -t COMPREPLY < <(compgen -W "$(_ocistore_images "${COMP_WORDS[0]}" "${store[@]}")" -- "$cur")
        if declare -F __ltrim_colon_completions >/dev/null; then
            __ltrim_colon_completions "$cur"
        fi
        ;;
    esac
}
complete -F _ocistore ocistore

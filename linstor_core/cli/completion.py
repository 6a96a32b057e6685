"""Completion for shells, generated from the grammar: words and options are known to the script, no call is made."""

from __future__ import annotations

from collections.abc import Sequence

from linstor_core.cli.grammar import Arg, Command, Noun, Word, walk

_BASH = """\
# bash completion for linstor; load it with: source <(linstor gen-bash-completer)
_linstor_words() {{
    case "$1" in
{cases}
    esac
}}

_linstor_full() {{
    # The full name of a word ($2) that may be an alias or a beginning, after the words in $1.
    local word
    case "$1|$2" in
{aliases}
    esac
    for word in $(_linstor_words "$1"); do
        case "$word" in "$2"*) printf '%s' "$word"; return ;; esac
    done
}}

_linstor() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" path="" full i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${{COMP_WORDS[i]}}" in
            {valued}) [ -n "$path" ] || i=$((i + 1)); continue ;;
            -*) continue ;;
        esac
        full=$(_linstor_full "$path" "${{COMP_WORDS[i]}}")
        [ -n "$full" ] || break
        path="${{path:+$path }}$full"
    done
    COMPREPLY=($(compgen -W "$(_linstor_words "$path")" -- "$current"))
}}
complete -o default -F _linstor linstor
"""

_ZSH = """\
#compdef linstor
# zsh completion for linstor: put it into a file _linstor in a folder of $fpath, or source it after compinit
_linstor_words() {{
    case "$1" in
{cases}
    esac
}}

_linstor_full() {{
    local word
    case "$1|$2" in
{aliases}
    esac
    for word in $(_linstor_words "$1"); do
        case "$word" in "$2"*) print -rn -- "$word"; return ;; esac
    done
}}

_linstor() {{
    local line_path="" full i
    local -a candidates
    for ((i = 2; i < CURRENT; i++)); do
        case "${{words[i]}}" in
            {valued}) [[ -n "$line_path" ]] || i=$((i + 1)); continue ;;
            -*) continue ;;
        esac
        full=$(_linstor_full "$line_path" "${{words[i]}}")
        [[ -n "$full" ]] || break
        line_path="${{line_path:+$line_path }}$full"
    done
    candidates=(${{=$(_linstor_words "$line_path")}})
    compadd -a candidates || _files
}}
if [[ "${{funcstack[1]}}" == _linstor ]]; then
    _linstor "$@"
elif (( $+functions[compdef] )); then
    compdef _linstor linstor
fi
"""


def bash_script(nouns: Sequence[Noun], options: Sequence[Arg], own_words: Sequence[str]) -> str:
    return _filled(_BASH, nouns, options, own_words)


def zsh_script(nouns: Sequence[Noun], options: Sequence[Arg], own_words: Sequence[str]) -> str:
    return _filled(_ZSH, nouns, options, own_words)


def _filled(template: str, nouns: Sequence[Noun], options: Sequence[Arg], own_words: Sequence[str]) -> str:
    top = [noun.name for noun in nouns] + list(own_words) + [word for arg in options for word in arg.words()]
    cases, aliases = [_case("", top)], [_alias("", noun) for noun in nouns if noun.aliases]
    for path, word in walk(nouns):
        cases.append(_case(" ".join(path), _following(word)))
        if isinstance(word, Noun):
            aliases += [_alias(" ".join(path), member) for member in word.members if member.aliases]
    valued = "|".join(word for arg in options if arg.nargs != "flag" for word in arg.words())
    return template.format(cases="\n".join(cases), aliases="\n".join(aliases), valued=valued)


def _following(word: Word) -> list[str]:
    if isinstance(word, Command):
        args = word.all_args()
        options = [name for arg in args for name in arg.words() if name.startswith("--")]
        return [*options, *(choice for arg in args for choice in arg.choices), "--help"]
    return [member.name for member in word.members]


def _case(path: str, words: Sequence[str]) -> str:
    return f"        \"{path}\") printf '%s ' {' '.join(words)} ;;"


def _alias(path: str, word: Word) -> str:
    patterns = "|".join(f'"{path}|{alias}"' for alias in word.aliases)
    return f"        {patterns}) printf '%s' {word.name}; return ;;"

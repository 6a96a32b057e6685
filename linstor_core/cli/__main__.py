"""The `linstor` command."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import TextIO

from linstor_core import __version__
from linstor_core.cli import exit_codes
from linstor_core.cli.call import Call, CallFailed
from linstor_core.cli.connection import RequestShown, connect
from linstor_core.cli.grammar import (
    Arg,
    Command,
    Noun,
    UsageError,
    Word,
    find,
    global_parser,
    overview,
    parser_of,
    resolve,
    walk,
)
from linstor_core.cli.screen import Screen, Style, stream_takes_utf8
from linstor_core.cli.tree import NOUNS

GLOBAL_OPTIONS = (
    Arg("--version", "show the version of this program", "flag", ("-v",)),
    Arg("--controllers", "URIs of controllers, tried in order: linstor://, linstor+ssl://, http://, https://; "
                         "LS_CONTROLLERS says the same"),
    Arg("--machine-readable", "JSON: a list that holds what the controller answered", "flag", ("-m",)),
    Arg("--output-version", "form of the JSON", choices=("v0", "v1"), default="v1"),
    Arg("--no-color", "no colours", "flag"), Arg("--no-utf8", "plain characters", "flag"),
    Arg("--warn-as-error", "a warning makes the exit status that of an error", "flag"),
    Arg("--curl", "show the call as a curl command instead of making it", "flag"),
    Arg("--dry-run", "show what a command would do, step by step, and do nothing", "flag"),
    Arg("--timeout", "seconds to wait for an answer", aliases=("-t",), kind=float, default=300.0),
    Arg("--disable-config", "do not read configuration files", "flag"),
    Arg("--verbose", "has no effect", "flag", ("-V",)),
    Arg("--user", "sign in as this user", aliases=("-u",)), Arg("--password", "with this password", aliases=("-P",)),
    Arg("--certfile", "PEM file of the client's certificate"), Arg("--keyfile", "PEM file of its key"),
    Arg("--cafile", "PEM file to check the controller's certificate with"),
    Arg("--allow-insecure-auth", "has no effect", "flag"),
)
_INTRODUCTION = "Manage storage: nodes, pools, groups, resources, snapshots."
OWN_WORDS = ("help", "list-commands", "interactive", "gen-bash-completer", "gen-zsh-completer")


def main(argv: Sequence[str] | None = None) -> int:
    try:
        return run(sys.argv[1:] if argv is None else argv, sys.stdout)
    except BrokenPipeError:
        # Whoever read the output has enough of it; keep the interpreter from failing once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.OK
    except KeyboardInterrupt:
        return exit_codes.UNKNOWN_ERROR


def run(argv: Sequence[str], out: TextIO) -> int:
    """One command line, the program's name left out; gives the exit status."""
    try:
        options = global_parser(GLOBAL_OPTIONS, _INTRODUCTION).parse_args(list(argv))
        return _dispatch(options, out)
    except UsageError as error:
        print(error, file=sys.stderr)
        return exit_codes.USAGE_ERROR
    except SystemExit as end:  # argparse has shown --help
        return int(end.code or 0)


def _dispatch(options: Namespace, out: TextIO) -> int:
    if options.version:
        out.write(f"linstor {__version__}\n")
        return exit_codes.OK
    if options.output_version != "v1":
        print("--output-version: only v1 is spoken", file=sys.stderr)
        return exit_codes.OPTION_NOT_SUPPORTED
    words = options.words or ["interactive" if sys.stdin.isatty() else "help"]
    own = _own_word(words[0])
    if own:
        return _OWN[own](options, words[1:], out)
    command, path, rest = resolve(words, NOUNS)
    args = parser_of(command, path).parse_args(rest)
    return _guarded(options, out, command, args)


def _own_word(word: str) -> str:
    """Words about the program itself; nouns win where a beginning could be either."""
    if word in OWN_WORDS:
        return word
    if word in ("commands", "list"):
        return "list-commands"
    if any(noun.name.startswith(word) or word in noun.aliases for noun in NOUNS):
        return ""
    fitting = [own for own in OWN_WORDS if own.startswith(word)]
    return fitting[0] if len(fitting) == 1 else ""


def _guarded(options: Namespace, out: TextIO, command: Command, args: Namespace) -> int:
    """Turns every way in which a call may fail into a text and an exit status."""
    from linstor_core.cli.planning import show_plans
    from linstor_core.client import errors

    screen = Screen(_style(options, out), out)
    try:
        client, recorder = connect(options, os.environ, out, planning=options.dry_run and not command.reads,
                                   file=getattr(args, "from_file", None) or "")
        call = Call(args, client, screen, recorder)
        command.run(call)
        if recorder.planner is not None:
            show_plans(screen, recorder.planner.plans)
        return call.exit_code
    except RequestShown:
        return exit_codes.OK
    except errors.ApiCallError as error:
        _show_refusal(screen, error)
        if command.reads and isinstance(error, errors.ObjectNotFound):
            return exit_codes.OBJECT_NOT_FOUND
        return exit_codes.NO_SATELLITE_CONNECTION if error.code == 995 else exit_codes.API_ERROR
    except (errors.ClientError, CallFailed, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        if isinstance(error, CallFailed):
            return error.exit_code
        by_class = {errors.ConnectionFailed: exit_codes.CONNECTION_ERROR,
                    errors.AnswerTimeout: exit_codes.CONNECTION_TIMEOUT,
                    errors.UnexpectedReply: exit_codes.UNEXPECTED_REPLY}
        return next((code for cls, code in by_class.items() if isinstance(error, cls)), exit_codes.USAGE_ERROR)


def _show_refusal(screen: Screen, error: Exception) -> None:
    import msgspec

    entries = getattr(error, "entries", ())
    if screen.style.quiet_json:
        screen.json(msgspec.json.encode(entries))
    elif entries:
        screen.entries(entries)
    else:
        print(f"Error: {error}", file=sys.stderr)


def _style(options: Namespace, out: TextIO) -> Style:
    return Style(color=not options.no_color and out.isatty() and "NO_COLOR" not in os.environ,
                 utf8=not options.no_utf8 and stream_takes_utf8(out), quiet_json=options.machine_readable,
                 warn_as_error=options.warn_as_error)


# Words about the program itself


def _help(_: Namespace, words: Sequence[str], out: TextIO) -> int:
    members: Sequence[Word] = NOUNS
    path: list[str] = []
    for word in words:
        found = find(word, members, " ".join(path))
        path.append(found.name)
        if not isinstance(found, Noun):
            out.write(parser_of(found, path).format_help())
            return exit_codes.OK
        members = found.members
    if path:
        out.write(overview(path, members) + "\n")
    else:
        out.write(global_parser(GLOBAL_OPTIONS, _INTRODUCTION).format_help() + "\n" + overview((), NOUNS) + "\n")
    return exit_codes.OK


def _list_commands(_: Namespace, __: Sequence[str], out: TextIO) -> int:
    for path, word in walk(NOUNS):
        aliases = f" ({', '.join(word.aliases)})" if word.aliases else ""
        out.write(f"{' '.join(path)}{aliases}\n" if not isinstance(word, Noun) else "")
    for own in OWN_WORDS:
        out.write(own + "\n")
    return exit_codes.OK


def _interactive(options: Namespace, _: Sequence[str], out: TextIO) -> int:
    from linstor_core.cli.interactive import loop

    return loop(lambda words: run([*_repeated(options), *words], out), out)


def _repeated(options: Namespace) -> list[str]:
    """The global options of the session, for each of its lines."""
    words: list[str] = []
    for arg in GLOBAL_OPTIONS:
        value = getattr(options, arg.name.lstrip("-").replace("-", "_"))
        if arg.nargs == "flag":
            words += [arg.name] if value else []
        elif value is not None:
            words += [arg.name, str(value)]
    return words


def _gen_completer(shell: str) -> Callable[[Namespace, Sequence[str], TextIO], int]:
    def generate(_: Namespace, __: Sequence[str], out: TextIO) -> int:
        from linstor_core.cli.completion import bash_script, zsh_script

        out.write({"bash": bash_script, "zsh": zsh_script}[shell](NOUNS, GLOBAL_OPTIONS, OWN_WORDS))
        return exit_codes.OK

    return generate


_OWN: dict[str, Callable[[Namespace, Sequence[str], TextIO], int]] = {
    "help": _help, "list-commands": _list_commands, "interactive": _interactive,
    "gen-bash-completer": _gen_completer("bash"), "gen-zsh-completer": _gen_completer("zsh"),
}

if __name__ == "__main__":
    sys.exit(main())

"""The grammar of the command line as data: nouns hold commands, commands hold arguments.

A word is found by its name, by an alias, or by any beginning of its name that no other word at that place has.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from linstor_core.cli.call import Call

Run = Callable[["Call"], None]


class UsageError(Exception):
    """The words make no command; `str()` is for the user."""


class Arg(NamedTuple):
    """A positional (`node_name`) or an option (`--storage-pool`).

    `nargs` is argparse's nargs, or "flag" for an option without a value; with "?" `const` is what an option without
    its value means. `dest` is its name in the Namespace, where that is not `name`. `completes` names what the shell
    may offer.
    """

    name: str
    help: str = ""
    nargs: str = ""
    aliases: tuple[str, ...] = ()
    kind: Callable[[str], Any] = str
    choices: tuple[str, ...] = ()
    default: Any = None
    required: bool = False
    completes: str = ""
    metavar: str = ""
    const: Any = None
    dest: str = ""

    @property
    def is_option(self) -> bool:
        return self.name.startswith("-")

    def words(self) -> tuple[str, ...]:
        return (self.name, *self.aliases) if self.is_option else ()


class Command(NamedTuple):
    """A leaf of the tree. `reads` makes a missing object its own exit code instead of an API error.

    `more_args` gives arguments that take some work to find out; nobody asks before they are needed.
    """

    name: str
    aliases: tuple[str, ...]
    help: str
    args: tuple[Arg, ...]
    run: Run
    reads: bool = False
    more_args: Callable[[], tuple[Arg, ...]] = tuple

    def all_args(self) -> tuple[Arg, ...]:
        return (*self.args, *self.more_args())


class Noun(NamedTuple):
    """An inner word of the tree."""

    name: str
    aliases: tuple[str, ...]
    help: str
    members: tuple[Command | Noun, ...]


Word = Command | Noun


def find(word: str, members: Sequence[Word], before: str = "") -> Word:
    """The member that `word` means. Raises UsageError, saying what is possible."""
    for member in members:
        if word == member.name or word in member.aliases:
            return member
    fitting = [member for member in members if member.name.startswith(word)]
    if len(fitting) == 1:
        return fitting[0]
    where = f"linstor {before}".strip()
    if fitting:
        raise UsageError(f"'{word}' could be any of: {', '.join(member.name for member in fitting)}")
    raise UsageError(f"'{word}' is no word of '{where}'; there are: {', '.join(sorted(m.name for m in members))}")


def resolve(words: Sequence[str], members: Sequence[Word]) -> tuple[Command, list[str], list[str]]:
    """(command, the full names that lead to it, what is left for its parser). Raises UsageError."""
    path: list[str] = []
    rest = list(words)
    while rest and not rest[0].startswith("-"):
        found = find(rest.pop(0), members, " ".join(path))
        path.append(found.name)
        if isinstance(found, Command):
            return found, path, rest
        members = found.members
    raise UsageError(overview(path, members))


def overview(path: Sequence[str], members: Sequence[Word]) -> str:
    """What may follow the words in `path`."""
    names = [f"{member.name} ({', '.join(member.aliases)})" if member.aliases else member.name for member in members]
    width = max(map(len, names), default=0)
    lines = [f"  {name:<{width}}  {member.help}" for name, member in zip(names, members, strict=True)]
    return "\n".join([f"usage: linstor {' '.join(path)}{' ' if path else ''}COMMAND ...", "", *lines])


def walk(members: Sequence[Word], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Word]]:
    """Every noun and command with the full names that lead to it."""
    for member in members:
        here = (*path, member.name)
        yield here, member
        if isinstance(member, Noun):
            yield from walk(member.members, here)


class _Parser(argparse.ArgumentParser):
    """Leaves it to the caller to end the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.format_usage()}linstor: {message}")


def add_args(parser: argparse.ArgumentParser, args: Sequence[Arg]) -> None:
    for arg in args:
        options: dict[str, Any] = {"help": arg.help or None}
        if arg.nargs == "flag":
            options["action"] = "store_true"
        else:
            options |= {"type": arg.kind, "default": arg.default}
            options |= {"nargs": arg.nargs} if arg.nargs else {}
            options |= {"choices": arg.choices} if arg.choices else {}
            options |= {"const": arg.const} if arg.const is not None else {}
            options |= {"metavar": arg.metavar} if arg.metavar else {}
        options |= {"dest": arg.dest} if arg.dest else {}
        if arg.is_option:
            options["required"] = arg.required
        parser.add_argument(arg.name, *arg.aliases, **options)


def parser_of(command: Command, path: Sequence[str]) -> argparse.ArgumentParser:
    """For one command only: building all of them would cost more than most calls."""
    parser = _Parser(prog=f"linstor {' '.join(path)}", description=command.help)
    add_args(parser, command.all_args())
    return parser


def global_parser(args: Sequence[Arg], description: str) -> argparse.ArgumentParser:
    """Takes options up to the first word; the rest is left in `words`."""
    parser = _Parser(prog="linstor", description=description, usage="linstor [options] NOUN COMMAND ...")
    add_args(parser, args)
    parser.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser

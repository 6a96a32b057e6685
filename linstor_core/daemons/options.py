"""Options as values: one definition for the file, the help, the sample and the checks.

A daemon's settings are a Struct of sections, each of them a Struct whose fields are annotated with an `Option`. The
type checker sees plain fields; everything else is read from the annotations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar, get_type_hints

from msgspec import Struct, structs

S = TypeVar("S", bound=Struct)

Key = tuple[str, str]
"""(section, option)."""


class Option(Struct, frozen=True):
    """What is said of a field. `read` makes its value from a text; `unit` tells what a number or text stands for.

    `flag` is the option of the command line that wins over the file. A `secret` is never shown. What is `live` changes
    on SIGHUP.
    """

    meaning: str
    read: Callable[[str], Any]
    unit: str = ""
    flag: str = ""
    secret: bool = False
    live: bool = False
    example: str = ""


class Row(NamedTuple):
    """An option in its place."""

    section: str
    name: str
    option: Option
    default: Any

    @property
    def key(self) -> Key:
        return self.section, self.name


def rows_of(kind: type[Struct]) -> tuple[Row, ...]:
    """All options of a Struct of sections, in the order of their definition."""
    sections = get_type_hints(kind)
    return tuple(row for section in structs.fields(kind) for row in _rows(section.name, sections[section.name]))


def _rows(section: str, kind: type[Struct]) -> Iterator[Row]:
    hints = get_type_hints(kind, include_extras=True)
    for field in structs.fields(kind):
        option = next(said for said in hints[field.name].__metadata__ if isinstance(said, Option))
        yield Row(section, field.name, option, field.default)


def settings(kind: type[S], given: Mapping[Key, Any]) -> S:
    """The settings with what is given, and the defaults for the rest."""
    sections: dict[str, dict[str, Any]] = {field.name: {} for field in structs.fields(kind)}
    for (section, name), value in given.items():
        sections[section][name] = value
    hints = get_type_hints(kind)
    return kind(**{name: hints[name](**values) for name, values in sections.items()})


def value_of(found: Struct, key: Key) -> Any:
    return getattr(getattr(found, key[0]), key[1])


def changes(before: S, after: S) -> tuple[Row, ...]:
    """The options whose values differ."""
    return tuple(row for row in rows_of(type(before)) if value_of(before, row.key) != value_of(after, row.key))


def shown(value: Any) -> str:
    """A value as one writes it into a file."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join("=".join(part) if isinstance(part, tuple) else str(part) for part in value)
    return str(value)


def sample(rows: Iterable[Row], program: str) -> str:
    """A file with every option, each a comment that shows its default."""
    lines = [f"# Settings of {program}. What stands on the command line wins over this file.",
             "# Options begin at the start of a line; a line that is indented goes on with the one before.",
             "# A $ is written $$."]
    section = ""
    for row in rows:
        if row.section != section:
            section = row.section
            lines += ["", f"[{section}]"]
        lines += ["", *_comment(row), f"#{row.name} = {shown(row.default) or row.option.example}"]
    return "\n".join(lines) + "\n"


def _comment(row: Row) -> Iterator[str]:
    option = row.option
    yield f"# {option.meaning}"
    if option.unit:
        yield f"# Unit: {option.unit}."
    yield f"# Default: {shown(row.default) or 'none'}." + (" SIGHUP takes a change over." if option.live else "")
    if option.flag:
        yield f"# On the command line: {option.flag}"


def overview(rows: Iterable[Row], file: str) -> str:
    """The options by section, for --help."""
    lines = [f"options of the file ({file}), by section; default in brackets:"]
    section = ""
    for row in rows:
        if row.section != section:
            section = row.section
            lines.append(f"\n[{section}]")
        unit = f" ({row.option.unit})" if row.option.unit else ""
        flag = f"; {row.option.flag} wins over it" if row.option.flag else ""
        lines.append(f"  {row.name}\n      {row.option.meaning}{unit} [{shown(row.default) or 'none'}]{flag}")
    return "\n".join(lines)

"""What the user sees: entries, tables, JSON. Libraries for drawing are loaded when something is drawn."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import msgspec

from linstor_core.wire.api_call_rc import ApiCallRc, Severity

if TYPE_CHECKING:
    from rich.table import Table

RED, GREEN, YELLOW, BLUE = "bright_red", "bright_green", "bright_yellow", "bright_blue"
_ANSI = {RED: "\x1b[1;31m", GREEN: "\x1b[1;32m", YELLOW: "\x1b[1;33m", BLUE: "\x1b[1;34m"}
_UTF8_BOX = "╭──╮\n┊ ┊┊\n╞══╡\n┊ ┊┊\n╞┄┄╡\n╞══╡\n┊ ┊┊\n╰──╯\n"
_ASCII_BOX = "+--+\n| ||\n|==|\n| ||\n|--|\n|==|\n| ||\n+--+\n"


class Cell(NamedTuple):
    """A text with a colour; an empty one for none."""

    text: str
    color: str = ""


class Column(NamedTuple):
    name: str
    right: bool = False


class Style(NamedTuple):
    """How things may look; `quiet_json` prints JSON and nothing else."""

    color: bool = True
    utf8: bool = True
    quiet_json: bool = False
    warn_as_error: bool = False


class Screen:
    def __init__(self, style: Style, out: TextIO) -> None:
        self.style = style
        self.out = out

    def line(self, text: str) -> None:
        self.out.write(text + "\n")

    def json(self, document: bytes) -> None:
        """Two blanks of indentation, as scripts that compare texts know it."""
        self.line(msgspec.json.format(document, indent=2).decode())

    def entries(self, entries: Iterable[ApiCallRc]) -> bool:
        """Show an answer; whether it holds an error, or a warning where that counts as one."""
        failed = False
        for entry in entries:
            is_warning = not entry.is_error and bool(entry.ret_code & Severity.WARN)
            failed |= entry.is_error or (is_warning and self.style.warn_as_error)
            self._entry(entry)
        return failed

    def _entry(self, entry: ApiCallRc) -> None:
        title, color = _heading(entry.ret_code)
        self.line(self._colored(f"{title}:", color))
        if entry.cause or entry.correction or entry.details:
            self.line("Description:")
        self._indented(entry.message)
        for heading, text in (("Cause", entry.cause), ("Correction", entry.correction), ("Details", entry.details)):
            if text:
                self.line(f"{heading}:")
                self._indented(text)
        if entry.error_report_ids:
            self.line("Show reports:")
            self._indented(f"linstor error-reports show {' '.join(entry.error_report_ids)}")

    def _indented(self, text: str) -> None:
        for line in text.splitlines():
            self.line(f"    {line}")

    def _colored(self, text: str, color: str) -> str:
        return f"{_ANSI[color]}{text}\x1b[0m" if self.style.color else text

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Any]], *, group_by: Sequence[str] | None = None,
              pastable: bool = False) -> None:
        """Rows in the natural order of the columns in `group_by` (names in lower case), else as they come."""
        style = self.style._replace(color=False, utf8=False) if pastable else self.style
        cells = [[value if isinstance(value, Cell) else Cell(_text(value)) for value in row] for row in rows]
        if group_by:
            names = [column.name.lower() for column in columns]
            positions = [names.index(name.lower()) for name in group_by]
            cells.sort(key=lambda row: [natural_key(row[position].text) for position in positions])
        self._print_table(_rich_table(columns, cells, style), style)

    def _print_table(self, table: Table, style: Style) -> None:
        """As wide as the content: a cut-off name helps nobody, and a pipe has no width."""
        from rich.console import Console

        console = Console(file=self.out, width=10_000, color_system="standard" if style.color else None,
                          force_terminal=style.color, legacy_windows=False, highlight=False, emoji=False)
        console.print(table, soft_wrap=False, crop=False, no_wrap=True)


def _rich_table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], style: Style) -> Table:
    from rich.box import Box
    from rich.table import Table as RichTable
    from rich.text import Text

    several_lines = any("\n" in cell.text for row in rows for cell in row)
    table = RichTable(box=Box(_UTF8_BOX if style.utf8 else _ASCII_BOX, ascii=not style.utf8), header_style="",
                      show_lines=several_lines)
    for column in columns:
        table.add_column(Text(column.name), justify="right" if column.right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell.text, style=cell.color if style.color else "") for cell in row))
    return table


def _heading(ret_code: int) -> tuple[str, str]:
    kind = ret_code & Severity.ERROR
    return {Severity.ERROR: ("ERROR", RED), Severity.WARN: ("WARNING", YELLOW),
            Severity.INFO: ("INFO", BLUE)}.get(Severity(kind), ("SUCCESS", GREEN))


def _text(value: object) -> str:
    return "" if value is None else str(value)


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """node2 stands before node10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part.lower()) for part in re.findall(r"\d+|\D+", text)]


def stream_takes_utf8(stream: TextIO) -> bool:
    return (getattr(stream, "encoding", None) or sys.getdefaultencoding()).lower().replace("-", "") == "utf8"

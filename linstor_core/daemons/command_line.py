"""The part of the command line that all daemons have: which files to read, and what they may say."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from msgspec import Struct

from linstor_core.daemons import option_files, options
from linstor_core.daemons.options import Key, Row

S = TypeVar("S", bound=Struct)


def parser(program: str, description: str, rows: tuple[Row, ...], default_file: Path) -> argparse.ArgumentParser:
    """With the options about files; --help explains every option of the file, too."""
    made = argparse.ArgumentParser(prog=program, description=description,
                                   epilog=options.overview(rows, str(default_file)).replace("%", "%%"),
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--config-file", type=Path, action="append", default=[], metavar="FILE",
                      help=f"settings; may be given several times, later ones win (default: {default_file}, where it "
                           "is there)")
    made.add_argument("--config-dir", type=Path, action="append", default=[], metavar="DIR",
                      help="read every *.conf in this folder after the files, in alphabetical order")
    made.add_argument("--sample-config", action="store_true",
                      help="print a file with every option and its default, and end")
    return made


def argument(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """A reader of values as argparse wants it: its words are shown."""
    def convert(given: str) -> Any:
        try:
            return read(given)
        except ValueError as fault:
            raise argparse.ArgumentTypeError(str(fault)) from None
    return convert


class Source(Generic[S]):
    """Where a daemon's settings come from; they may be read again at any time."""

    def __init__(self, kind: type[S], default_file: Path, elsewhere: dict[Key, str], parsed: argparse.Namespace,
                 overrides: Mapping[Key, Any]) -> None:
        """`overrides` is what the command line says."""
        self._kind = kind
        self._default_file = default_file
        self._elsewhere = elsewhere
        self._files: list[Path] = parsed.config_file
        self._folders: list[Path] = parsed.config_dir
        self._overrides = dict(overrides)

    def read(self) -> S:
        """Raises BadSettings."""
        files = option_files.files_of(self._files, self._folders, self._default_file)
        found = option_files.read(files, options.rows_of(self._kind), self._elsewhere)
        return options.settings(self._kind, {**found, **self._overrides})

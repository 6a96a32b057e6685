"""`linstor` without a command: one line after the other."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import TextIO

from linstor_core.cli import exit_codes

PROMPT = "LINSTOR ==> "


def loop(run: Callable[[Sequence[str]], int], out: TextIO) -> int:
    """Until `exit`, `quit` or the end of the input; a line that fails does not end it."""
    if sys.stdin.isatty():
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401 - line editing for input()
    while True:
        try:
            words = shlex.split(input(PROMPT if sys.stdin.isatty() else ""))
        except EOFError:
            return exit_codes.OK
        except ValueError as error:
            print(f"Error: {error}", file=sys.stderr)
            continue
        if words and words[0] in ("exit", "quit"):
            return exit_codes.OK
        if words and words[0] != "interactive":
            run(words)
            out.flush()

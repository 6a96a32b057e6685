"""What `./dev` shows while it works: a line a step, with its result."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Step:
    """One line under way."""

    def __init__(self) -> None:
        self.result = ""

    def done(self, result: str) -> None:
        self.result = result


class Progress:
    """Writes to standard output; on a terminal a step shows up before it is done."""

    WIDTH = 16

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()

    def say(self, text: str) -> None:
        print(text, flush=True)

    @contextmanager
    def step(self, label: str) -> Iterator[Step]:
        if self._live:
            print(f"  {label:<{self.WIDTH}} ...", end="", flush=True)
        step = Step()
        try:
            yield step
        except BaseException:
            self._close(label, "failed")
            raise
        self._close(label, step.result)

    def _close(self, label: str, result: str) -> None:
        start = "\r" if self._live else ""
        print(f"{start}  {label:<{self.WIDTH}} {result}", flush=True)

"""Keeps Python's garbage collector away from the model: a walk over ten thousand resources stops everything for 0.2 s.

The model's documents hold no cycles, so they are freed when the last reference goes, whatever the collector does.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

_THRESHOLDS = (10_000, 10, 20)
_GROWTH = 1_000


class Collector:
    """Of the whole process. What is there when it settles is not looked at again."""

    def __init__(self) -> None:
        self._settled_at = 0

    @contextlib.contextmanager
    def loading(self) -> Iterator[None]:
        """While a stored model is read; it settles at the end."""
        gc.disable()
        try:
            yield
            gc.freeze()
        finally:
            gc.enable()
            gc.set_threshold(*_THRESHOLDS)

    def settle(self, size: int) -> None:
        """Called now and then with the number of documents: young cycles are collected, what remains is set aside.

        Only after some growth, since a cycle that is set aside before it dies is never found.
        """
        if size >= self._settled_at + _GROWTH:
            gc.collect(1)
            gc.freeze()
        if size >= self._settled_at + _GROWTH or size < self._settled_at // 2:
            self._settled_at = size

"""Makes a failing history shorter: whatever it also fails without is left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from linstor_core.testing.simulation.script import RESOURCES, Script

_NAMES = re.compile("|".join([r"[0-9a-fA-F]{8}-[0-9a-fA-F-]+", r"\b[nN][0-9]+\b", r"[0-9]+", *RESOURCES,
                              *(name.upper() for name in RESOURCES)]))


def kinds(wrong: Iterable[str]) -> set[str]:
    """What is wrong, whatever it happens to: another history in which that is wrong shows the same fault."""
    return {_NAMES.sub("", line) for line in wrong}


def shrunk(script: Script, fails: Callable[[Script], bool]) -> Script:
    """By halves, quarters, … and at last one by one, until no event can be spared."""
    size = max(1, len(script.events) // 2)
    while True:
        before = len(script.events)
        start = 0
        while start < len(script.events):
            shorter = script.without(frozenset(range(start, start + size)))
            if fails(shorter):
                script = shorter
            else:
                start += size
        if size == 1 and len(script.events) == before:
            return script
        size = max(1, size // 2)

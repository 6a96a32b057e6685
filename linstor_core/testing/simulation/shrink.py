"""Makes a failing history shorter: whatever it also fails without is left out."""

from __future__ import annotations

from collections.abc import Callable

from linstor_core.testing.simulation.script import Script


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

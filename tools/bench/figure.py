"""One measured figure and what it is held to."""

from __future__ import annotations

from msgspec import Struct

from tools.bench.sample import Sample


class Figure(Struct, frozen=True):
    """`goal` bounds `value`: from above, or from below where `at_least`; None where there is none.

    `reference` is LINSTOR 1.34, as text.
    """

    name: str
    unit: str
    value: float
    goal: float | None = None
    reference: str = ""
    at_least: bool = False
    sample: Sample | None = None

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        return "yes" if (self.value >= self.goal if self.at_least else self.value <= self.goal) else "no"

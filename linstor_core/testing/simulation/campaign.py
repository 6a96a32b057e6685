"""Plays many histories, tells of each that fails how to see it again, and what happened in all of them together."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable

from msgspec import Struct

from linstor_core.testing.simulation.history import Outcome, play
from linstor_core.testing.simulation.planted import PLANTS
from linstor_core.testing.simulation.script import drawn

COMMAND = "python -m linstor_core.testing.simulation"
_SHOWN = 5


class Summary(Struct, frozen=True):
    """What came of a campaign; `cpu_s` is its processor time."""

    histories: int
    failed: tuple[int, ...]
    """Seeds."""
    coverage: dict[str, int]
    cpu_s: float


def run(seeds: Iterable[int], seconds: float, tell: Callable[[str], None], *, plant: str = "",
        stop: bool = False) -> Summary:
    """Until the seeds, or so many seconds of this processor, are used up; 0 for no limit. `stop`: or one fails.

    `plant` is one of PLANTS, empty for none.
    """
    coverage: Counter[str] = Counter()
    failed: list[int] = []
    start, played = time.process_time(), 0
    for seed in seeds:
        if seconds and time.process_time() - start >= seconds:
            break
        outcome = play(drawn(seed), plant=PLANTS[plant] if plant else None)
        played += 1
        coverage += outcome.coverage
        if outcome.wrong:
            failed.append(seed)
            told(outcome, tell, f" --plant {plant}" if plant else "")
            if stop:
                break
    return Summary(played, tuple(failed), dict(sorted(coverage.items())), time.process_time() - start)


def told(outcome: Outcome, tell: Callable[[str], None], options: str = "") -> None:
    tell(f"seed {outcome.seed}: {COMMAND} --seed {outcome.seed}{options} --trace")
    for line in outcome.wrong[:_SHOWN]:
        tell(f"    {line}")
    if len(outcome.wrong) > _SHOWN:
        tell(f"    and {len(outcome.wrong) - _SHOWN} more")

"""Counts requests and how long they took."""

from __future__ import annotations

from bisect import bisect_left

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class Durations:
    """A histogram; `counts` has one more place than `BOUNDS_S`, for what took longer."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.sum_s += seconds


class Traffic:
    """`requests` is by (method, path of the route, status): the paths of routes are few, those of callers are not."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, int], Durations] = {}
        self.scrapes = 0

    def add(self, method: str, path: str, status: int, seconds: float) -> None:
        durations = self.requests.get((method, path, status))
        if durations is None:
            durations = self.requests[method, path, status] = Durations()
        durations.add(seconds)

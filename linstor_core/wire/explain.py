"""What `GET …/explain` answers: for each pool, why it would be taken or not."""

from __future__ import annotations

from msgspec import Struct


class PoolVerdict(Struct, frozen=True, omit_defaults=True):
    """`verdict` is chosen, possible (it passes every rule, but others are better) or rejected.

    `scores` holds each strategy's part of `score`; capacities are in KiB, None while nobody has measured the pool.
    """

    node_name: str
    storage_pool_name: str
    provider_kind: str
    verdict: str
    reason: str = ""
    score: float | None = None
    scores: dict[str, float] = {}
    free_kib: int | None = None
    usable_kib: int | None = None
    reserved_kib: int = 0


class Explanation(Struct, frozen=True):
    """`wanted` is how many more replicas the rules ask for; `feasible` whether there is a place for all of them."""

    wanted: int
    size_kib: int
    feasible: bool
    summary: str
    pools: tuple[PoolVerdict, ...]

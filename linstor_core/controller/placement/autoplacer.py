"""Chooses pools for replicas: filter, score, select. Pure, so that the same call can also only explain itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from linstor_core.controller.placement import filters, scores
from linstor_core.controller.placement.filters import Wanted
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.storage_pools import StoragePool

MAX_STEPS = 100_000
"""How many partial selections are looked at before the best one found so far is taken."""

Signature = tuple[str | None, ...]
"""The values that a node has of the properties that limit how many replicas may share one."""


class Candidate(Struct, frozen=True):
    """A pool that passed the filters."""

    pool: StoragePool
    score: float


class Selection(Struct, frozen=True):
    """`chosen` has either all replicas that were wanted, or none; then `candidates` were not enough."""

    chosen: tuple[StoragePool, ...]
    candidates: tuple[Candidate, ...]
    rejected: dict[tuple[str, str], str]
    """(node, pool) -> the reason against it, by their names."""


def select(cluster: Cluster, wanted: Wanted) -> Selection:
    """The best combination of pools that keeps all constraints, never fewer than asked for."""
    rejected: dict[tuple[str, str], str] = {}
    pools: list[StoragePool] = []
    for _, pool in sorted(cluster.storage_pools.items()):
        reason = filters.verdict(cluster, wanted, pool)
        if reason is None:
            pools.append(pool)
        else:
            rejected[pool.node_name, pool.name] = reason
    rated = sorted((Candidate(pool, score) for pool, score in zip(pools, scores.scores(cluster, pools), strict=True)),
                   key=lambda candidate: (-candidate.score, key_of(candidate.pool.node_name),
                                          key_of(candidate.pool.name)))
    best: tuple[Candidate, ...] = ()
    for group in _compatible_groups(cluster, wanted, rated):
        found = _Search(cluster, wanted, group).run()
        if found and (not best or _sum(found) > _sum(best)):
            best = found
    return Selection(tuple(candidate.pool for candidate in best), tuple(rated), rejected)


def _sum(chosen: Sequence[Candidate]) -> float:
    return sum(candidate.score for candidate in chosen)


def _compatible_groups(cluster: Cluster, wanted: Wanted, rated: Sequence[Candidate]) -> Iterator[list[Candidate]]:
    """Candidates of one provider family and the same values of the `same` properties, the best pool of each node."""
    groups: dict[tuple[str, Signature], dict[str, Candidate]] = {}
    keys = [rule.partition("=")[0] for rule in wanted.same]
    for candidate in rated:
        node = cluster.node(candidate.pool.node_name)
        props = node.props if node is not None else {}
        group = groups.setdefault((candidate.pool.provider_kind.family, tuple(map(props.get, keys))), {})
        group.setdefault(_place(candidate.pool), candidate)
    for group in groups.values():
        yield _one_a_node(group.values())


def _place(pool: StoragePool) -> str:
    """What two replicas must not share: a node, or a storage that several nodes see."""
    return f"shared:{pool.shared_space}" if pool.shared_space else key_of(pool.node_name)


def _one_a_node(candidates: Iterable[Candidate]) -> list[Candidate]:
    best: dict[str, Candidate] = {}
    for candidate in candidates:
        best.setdefault(key_of(candidate.pool.node_name), candidate)
    return list(best.values())


class _Search:
    """Branch and bound; classes come in the order of their best scores, so the first hit is mostly the best.

    Nodes with the same limited values are interchangeable: of each such class only the best ones left are tried.
    """

    def __init__(self, cluster: Cluster, wanted: Wanted, candidates: Sequence[Candidate]) -> None:
        self._count = wanted.count
        self._limits = [*((rule, 1) for rule in wanted.different if "=" not in rule), *wanted.at_most]
        self._classes: dict[Signature, list[Candidate]] = {}
        for candidate in candidates:
            node = cluster.node(candidate.pool.node_name)
            props = node.props if node is not None else {}
            self._classes.setdefault(tuple(props.get(key) for key, _ in self._limits), []).append(candidate)
        self._best: tuple[Candidate, ...] = ()
        self._best_sum = float("-inf")
        self._steps = 0
        self._room = self._start_room(cluster, wanted)

    def _start_room(self, cluster: Cluster, wanted: Wanted) -> list[dict[str, int]]:
        """For every limit: value -> how many replicas with it are there already."""
        taken: list[dict[str, int]] = [{} for _ in self._limits]
        for key in wanted.occupied:
            node = cluster.nodes.get(key)
            for index, (prop, _) in enumerate(self._limits):
                value = node.props.get(prop) if node is not None else None
                if value is not None:
                    taken[index][value] = taken[index].get(value, 0) + 1
        return taken

    def run(self) -> tuple[Candidate, ...]:
        if self._count > 0:
            self._descend([], 0.0, list(self._classes.items()), [0] * len(self._classes))
        return self._best

    def _descend(self, chosen: list[Candidate], total: float,
                 classes: list[tuple[Signature, list[Candidate]]], used: list[int], first: int = 0) -> None:
        """Classes are visited in order, so that no set is tried twice."""
        self._steps += 1
        if len(chosen) == self._count:
            if total > self._best_sum:
                self._best, self._best_sum = tuple(chosen), total
            return
        if self._steps > MAX_STEPS or not self._may_improve(total, self._count - len(chosen), classes, used, first):
            return
        for index in range(first, len(classes)):
            signature, members = classes[index]
            if used[index] >= len(members) or not self._take(signature, 1):
                continue
            candidate = members[used[index]]
            used[index] += 1
            chosen.append(candidate)
            self._descend(chosen, total + candidate.score, classes, used, index)
            chosen.pop()
            used[index] -= 1
            self._take(signature, -1)

    def _may_improve(self, total: float, need: int, classes: list[tuple[Signature, list[Candidate]]],
                     used: list[int], first: int) -> bool:
        """Whether the best ones left, constraints aside, would beat what was found; False if too few are left."""
        left = sorted((candidate.score for index in range(first, len(classes))
                       for candidate in classes[index][1][used[index]:used[index] + need]), reverse=True)
        return len(left) >= need and total + sum(left[:need]) > self._best_sum

    def _take(self, signature: Signature, count: int) -> bool:
        """Book a node's limited values; False, and nothing booked, where a limit is reached."""
        if count > 0:
            for index, value in enumerate(signature):
                if value is not None and self._room[index].get(value, 0) >= self._limits[index][1]:
                    return False
        for index, value in enumerate(signature):
            if value is not None:
                self._room[index][value] = self._room[index].get(value, 0) + count
        return True

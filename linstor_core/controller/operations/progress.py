"""How a caller that waits learns what became of its work. All of it reads the published model only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct

from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Outcome
from linstor_core.controller.operations import tombstones
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code
from linstor_core.domain.observed import Failure
from linstor_core.wire.api_call_rc import ApiCallRc, Severity

NOT_CONNECTED = 1002
Places = Sequence[tuple[str, str]]
"""(name of a definition, name of a node)"""


class OnNode(Struct, frozen=True):
    """What is told of a node, if it is there to have done it."""

    node_name: str
    entry: ApiCallRc


def on(node_name: str, *entries: ApiCallRc) -> list[OnNode]:
    return [OnNode(node_name, entry) for entry in entries]


def watched(places: Places) -> tuple[str, ...]:
    """What to watch for news about these places."""
    return tuple({key_of(name): None for place in places for name in place})


def when_settled(call: Call[Any], places: Places, entries: Iterable[ApiCallRc | OnNode]) -> Outcome:
    """`entries` once every online node has answered the newest spec; what failed, and who is away, comes besides.

    A place of which nothing is wanted any more counts as settled: somebody deleted it meanwhile.
    """
    done = tuple(entries)

    def outcome(cluster: Cluster) -> tuple[ApiCallRc, ...] | None:
        if any(_is_open(cluster, place) for place in places):
            return None
        failures = tuple(failure_entries(call, cluster, places))
        return (*(() if failures else _true_of(cluster, done)), *failures, *away_entries(call, cluster, places))

    return outcome


def _true_of(cluster: Cluster, entries: Iterable[ApiCallRc | OnNode]) -> list[ApiCallRc]:
    return [each.entry if isinstance(each, OnNode) else each for each in entries
            if not isinstance(each, OnNode) or cluster.is_online(each.node_name)]


def when_gone(call: Call[Any], places: Places, gone: Callable[[Cluster], bool], entries: Iterable[ApiCallRc],
              kept: Callable[[Cluster], bool] = lambda _: False, *, uuids: Iterable[str] = ()) -> Outcome:
    """`entries` once `gone` holds. Ends early when what is left failed to go, or is on nodes that are away.

    `kept` tells that the deletion was called off, because a node found it in use. `uuids` are those of what goes: a
    node that breaks off meanwhile leaves tombstones of them.
    """
    done = tuple(entries)
    keys = [key_of(uuid) for uuid in uuids]

    def outcome(cluster: Cluster) -> tuple[ApiCallRc, ...] | None:
        if gone(cluster):
            left = [cluster.tombstones[key] for key in keys if key in cluster.tombstones]
            return (*done[-1:], *tombstones.entries(call, cluster, left)) if left else done
        if kept(cluster):
            return (_called_off(call, places),)
        open_places = [place for place in places if _key(place) in cluster.generations]
        failed = tuple(failure_entries(call, cluster, open_places))
        at_work = [place for place in open_places
                   if tombstones.is_expected(cluster, place[1]) and not _failures(cluster, place)]
        if at_work:
            return None
        away = away_entries(call, cluster, open_places)
        return (*failed, *away) if failed or away else None

    return outcome


def _called_off(call: Call[Any], places: Places) -> ApiCallRc:
    return call.rc(Severity.ERROR, Code.IN_USE, f"'{places[0][0]}' is in use; its deletion was called off.",
                   cause="A device of it is mounted or open on " + ", ".join(node for _, node in places) + ".",
                   correction="Unmount or close it, then delete it again.", refs={"RscDfn": places[0][0]})


def together(changes: Sequence[Change]) -> Change:
    """One change of several that build on each other; its caller waits until all of them have ended."""
    outcomes = [change.outcome for change in changes if change.outcome is not None]

    def outcome(cluster: Cluster) -> tuple[ApiCallRc, ...] | None:
        parts = [each(cluster) for each in outcomes]
        if any(part is None for part in parts):
            return None
        return tuple(entry for part in parts if part is not None for entry in part)

    return Change(puts=tuple(put for change in changes for put in change.puts),
                  deletes=tuple(delete for change in changes for delete in change.deletes),
                  answers=tuple(answer for change in changes for answer in change.answers),
                  outcome=outcome if outcomes else None, watch=tuple(key for change in changes for key in change.watch))


def _key(place: tuple[str, str]) -> tuple[str, str]:
    return key_of(place[0]), key_of(place[1])


def _is_open(cluster: Cluster, place: tuple[str, str]) -> bool:
    return _key(place) in cluster.generations and cluster.is_online(place[1]) and not cluster.is_settled(*place)


def _failures(cluster: Cluster, place: tuple[str, str], newest_only: bool = True) -> tuple[Failure, ...]:
    seen = cluster.seen(*place)
    return seen.failures if seen is not None and (not newest_only or cluster.is_settled(*place)) else ()


def failure_entries(call: Call[Any], cluster: Cluster, places: Places, newest_only: bool = True) -> list[ApiCallRc]:
    """An error for everything that an online node could not do, of the newest spec or also of the one before."""
    return [call.rc(Severity.ERROR, failure.code or Code.UNKNOWN_ERROR,
                    f"Node '{node}': {failure.message}", cause=failure.cause, details=failure.details,
                    correction=failure.correction or "Once the cause is removed the node goes on by itself.",
                    refs={"RscDfn": name, "Node": node})
            for name, node in places if cluster.is_online(node)
            for failure in _failures(cluster, (name, node), newest_only)]


def away_entries(call: Call[Any], cluster: Cluster, places: Places) -> list[ApiCallRc]:
    """A warning for every node that is not there."""
    names = {node: name for name, node in places if _key((name, node)) in cluster.generations
             and not cluster.is_online(node)}
    return [call.rc(Severity.WARN, NOT_CONNECTED, f"The node '{node}' is not connected.",
                    details="The node catches up as soon as it is connected again.",
                    cause="The controller has no connection to the satellite of this node.",
                    correction="Nothing has to be repeated. Check the node if it does not return by itself.",
                    refs={"RscDfn": name, "Node": node}) for node, name in names.items()]

"""Giving up nodes that are away: when, when not, what is said of their data, and that all of it stays."""

from __future__ import annotations

import pytest
from msgspec import structs

from linstor_core.controller.call import Call
from linstor_core.controller.operations import evictions, node_links, snapshots
from linstor_core.controller.queries import nodes as views
from linstor_core.domain.errors import Conflict
from linstor_core.domain.jobs import Job, JobKind, JobState
from linstor_core.domain.resource_groups import AutoSelectFilter, ResourceGroup
from linstor_core.testing.builders import Model
from linstor_core.wire.rest_bodies import NodeRestore, SnapshotCreate
from tests.controller.moving import advanced, placed, settled

MINUTE_MS = 60_000


def away(model: Model, name: str, minutes: int) -> None:
    """The node has been away for so long."""
    model.away(name)
    seen = model.cluster.nodes_seen[name.upper()]
    model.put(structs.replace(seen, offline_since_ms=model.context.now_ms() - minutes * MINUTE_MS))


def clock(model: Model) -> list[str]:
    """What the clock does; the nodes that are given up after it."""
    model.run(lambda cluster, context, _: evictions.give_up_overdue(cluster, context))
    return sorted(node.name for node in model.cluster.nodes.values() if "EVICTED" in node.flags)


def props(model: Model, **values: str) -> None:
    settings = model.cluster.controller
    named = {f"DrbdOptions/AutoEvict{name}": value for name, value in values.items()}
    model.put(structs.replace(settings, props={**settings.props, **named}))


def the_job(model: Model) -> Job:
    return next(job for job in model.cluster.jobs.values() if job.kind is JobKind.EVICT)


def test_after_twelve_hours_unless_told_otherwise() -> None:
    model = Model.with_nodes(3)
    away(model, "n1", 719)
    assert clock(model) == []
    away(model, "n1", 721)
    assert clock(model) == ["n1"]
    assert model.cluster.nodes["N1"].eviction_timestamp_ms is not None
    assert clock(model) == ["n1"]


@pytest.mark.parametrize(("values", "minutes", "given_up"), [
    ({"AfterTime": "5"}, 6, ["n1"]), ({"AfterTime": "5"}, 4, []), ({"AllowEviction": "false"}, 10_000, []),
    ({"MaxDisconnectedNodes": "33"}, 10_000, []), ({"MaxDisconnectedNodes": "34"}, 10_000, ["n1"]),
    ({"AfterTime": "never"}, 721, ["n1"])])
def test_properties_decide(values: dict[str, str], minutes: int, given_up: list[str]) -> None:
    model = Model.with_nodes(3)
    props(model, **values)
    away(model, "n1", minutes)
    assert clock(model) == given_up


def test_a_node_may_be_kept_by_its_own_property() -> None:
    model = Model.with_nodes(3)
    model.put(structs.replace(model.cluster.nodes["N1"], props={"DrbdOptions/AutoEvictAllowEviction": "false"}))
    away(model, "n1", 10_000)
    assert clock(model) == []
    assert evictions.next_due_ms(model.cluster) == float("inf")


def test_with_too_many_away_the_fault_is_elsewhere() -> None:
    model = Model.with_nodes(3)
    away(model, "n1", 10_000)
    away(model, "n2", 1)
    assert clock(model) == []
    model.back("n2")
    assert clock(model) == ["n1"]


def test_what_is_there_is_not_given_up() -> None:
    model = Model.with_nodes(3)
    away(model, "n1", 10_000)
    model.back("n1")
    assert clock(model) == []


def test_the_job_says_whose_data_is_nowhere_else_and_nothing_is_deleted() -> None:
    model = Model.with_nodes(3)
    model.put(ResourceGroup("u", "DfltRscGrp", select_filter=AutoSelectFilter(place_count=2)))
    placed(model, "lonely")
    for node in ("n1", "n2"):
        placed(model, "paired", node=node)
    for node in ("n1", "n2", "n3"):
        placed(model, "plenty", node=node)
    before = model.cluster.resources
    away(model, "n1", 721)
    clock(model)
    advanced(model)
    job = the_job(model)
    assert job.state is JobState.WAITING
    assert "Only node 'n1' has the data of 'lonely'" in job.blocked_by
    assert "'paired' (1 of 2)" in job.blocked_by
    assert "plenty" not in job.blocked_by
    assert model.cluster.resources == before
    model.run(node_links.restore, NodeRestore(), node="n1")
    settled(model)
    assert the_job(model).state is JobState.DONE
    assert model.cluster.resources == before
    assert model.cluster.nodes["N1"].eviction_timestamp_ms is None


def test_where_nothing_lacks_the_job_is_over_at_once() -> None:
    model = Model.with_nodes(3)
    for node in ("n1", "n2", "n3"):
        placed(model, node=node)
    away(model, "n1", 721)
    clock(model)
    advanced(model)
    assert the_job(model).state is JobState.DONE


def test_by_hand_at_once_but_never_while_it_is_there() -> None:
    model = Model.with_nodes(2)
    placed(model)
    with pytest.raises(Conflict):
        model.run(node_links.evict, node="n1")
    model.away("n1")
    for _ in range(2):
        model.run(node_links.evict, node="n1")
    advanced(model)
    assert "'data'" in the_job(model).blocked_by
    assert len(model.cluster.jobs) == 1


def test_the_list_says_when_it_will_happen() -> None:
    model = Model.with_nodes(3)
    away(model, "n1", 700)
    node, seen = model.cluster.nodes["N1"], model.cluster.nodes_seen["N1"]
    due = evictions.due_ms(node, seen, model.cluster.controller)
    assert due == (seen.offline_since_ms or 0) + 720 * MINUTE_MS
    assert evictions.next_due_ms(model.cluster) == due
    shown = views.show_node(model.cluster, Call(None, {"node": "n1"}))
    assert getattr(shown, "eviction_timestamp", None) == due
    props(model, AllowEviction="false")
    assert evictions.due_ms(node, seen, model.cluster.controller) is None


def test_restoring_cleans_only_what_is_elsewhere_too() -> None:
    model = Model.with_nodes(2)
    placed(model, "lonely")
    for node in ("n1", "n2"):
        placed(model, "paired", node=node, layer_stack=("DRBD", "STORAGE"))
    for name, nodes in (("lonely", ("n1",)), ("paired", ("n1", "n2"))):
        model.run(snapshots.create, SnapshotCreate(name="old", nodes=nodes), resource=name)
        model.answer()
    model.away("n1")
    model.run(node_links.evict, node="n1")
    model.back("n1")
    change = model.run(node_links.restore, NodeRestore(delete_resources=True, delete_snapshots=True), node="n1")
    assert [entry.code for entry in change.answers] == [0, 0, 2, 0, 2]
    kept, kept_snapshot = change.answers[1], change.answers[3]
    assert "'lonely'" in kept.message and "No other node" in kept.cause
    assert "'lonely'" in kept_snapshot.message
    model.answer()
    assert sorted(model.cluster.resources) == [("LONELY", "N1"), ("PAIRED", "N2")]
    assert [part.node_name for part in model.cluster.snapshots["PAIRED", "OLD"].nodes] == ["n2"]
    assert [part.node_name for part in model.cluster.snapshots["LONELY", "OLD"].nodes] == ["n1"]

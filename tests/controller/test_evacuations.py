"""Leaving a node: everything that can goes, what can't says why and goes later, asking twice changes nothing."""

from __future__ import annotations

import pytest
from msgspec import structs

from linstor_core.controller.call import Call
from linstor_core.controller.diagnostics import cluster_metrics
from linstor_core.controller.operations import autoplace, jobs, moves, node_links, nodes, resources, snapshots
from linstor_core.controller.queries import jobs as views
from linstor_core.domain.errors import Code, Conflict
from linstor_core.domain.jobs import Job, JobKind, JobState, Stage
from linstor_core.domain.observed import ResourceSeen
from linstor_core.domain.resource_groups import AutoSelectFilter, ResourceGroup
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.testing.builders import GIB_KIB, Model, done
from linstor_core.wire import rest_jobs
from linstor_core.wire.resource_spec import ResourceSpec
from linstor_core.wire.rest_bodies import AutoPlace, NodeEvacuate, NodeRestore, ResourceCreate, SnapshotCreate
from tests.controller.moving import (
    MOST_ROUNDS,
    advanced,
    in_use,
    later,
    moved,
    now,
    placed,
    refusing,
    restarted,
    round_of,
    settled,
    the_move,
)


def evacuated(model: Model, node: str = "n1", **body: tuple[str, ...]) -> Job:
    change = model.run(node_links.evacuate, NodeEvacuate(**body), node=node)
    return model.cluster.jobs[change.answers[0].obj_refs["Job"] or ""]


def on(model: Model, node: str) -> list[str]:
    return sorted(resource.name for resource in model.cluster.resources_on(node))


def full(count: int = 5, nodes_there: int = 3) -> Model:
    model = Model.with_nodes(nodes_there)
    for number in range(count):
        placed(model, f"data{number}")
    return model


def test_everything_leaves_two_at_a_time() -> None:
    model = full()
    placed(model, "stays", node="n2")
    job = evacuated(model)
    most = 0
    while round_of(model) or not now(model, job).is_finished:
        most = max(most, sum(each.holds_slot for each in model.cluster.jobs.values()))
    assert now(model, job).state is JobState.DONE
    assert most == 2
    assert on(model, "n1") == []
    assert "stays" in on(model, "n2")
    assert len(model.cluster.resources) == 6, "none was made twice"
    assert "EVACUATE" in model.cluster.nodes["N1"].flags
    shown = views.show_job(model.cluster, Call(None, {"job": job.uuid}))
    assert isinstance(shown, rest_jobs.Job)
    assert (shown.done_resources, shown.total_resources) == (5, 5)


def test_an_empty_node_needs_no_job() -> None:
    model = Model.with_nodes(2)
    assert model.run(node_links.evacuate, NodeEvacuate(), node="n1").answers == ()
    assert model.cluster.nodes["N1"].flags == ("EVACUATE",)
    assert not model.cluster.jobs


def test_asked_for_again_it_adds_nothing() -> None:
    model = full(2)
    job = evacuated(model)
    for _ in range(MOST_ROUNDS):
        again = model.run(node_links.evacuate, NodeEvacuate(), node="n1")
        assert all(entry.obj_refs["Job"] == job.uuid for entry in again.answers if "Job" in entry.obj_refs)
        if not round_of(model) and now(model, job).is_finished:
            break
    assert len([each for each in model.cluster.jobs.values() if each.kind is JobKind.MOVE]) == 2
    assert len([each for each in model.cluster.jobs.values() if each.kind is JobKind.EVACUATE]) == 1
    assert len(model.cluster.resources) == 2
    assert model.run(node_links.evacuate, NodeEvacuate(), node="n1").answers == ()


def test_a_restart_after_every_step_gives_the_same_end() -> None:
    model = full(3)
    job = evacuated(model)
    for _ in range(MOST_ROUNDS):
        advanced(model)
        model = restarted(model)
        if now(model, job).is_finished:
            break
    assert now(model, job).state is JobState.DONE
    assert on(model, "n1") == []
    assert len(model.cluster.resources) == 3


def test_targets_and_nodes_to_avoid_are_honoured() -> None:
    model = full(2, nodes_there=4)
    evacuated(model, target=("n3", "n4"), do_not_target=("n4",))
    settled(model)
    assert on(model, "n3") == ["data0", "data1"]
    model = full(2, nodes_there=3)
    evacuated(model, do_not_target=("n3",))
    settled(model)
    assert on(model, "n2") == ["data0", "data1"]


def test_the_rules_of_the_group_hold_and_a_replica_is_not_put_beside_another() -> None:
    model = Model.with_nodes(2)
    for name, zone in (("n3", "b"), ("n4", "a")):
        model.add_node(name, **{"Aux/zone": zone})
    for key, zone in (("N1", "b"), ("N2", "a")):
        model.put(structs.replace(model.cluster.nodes[key], props={"Aux/zone": zone}))
    model.put(ResourceGroup("u", "DfltRscGrp", select_filter=AutoSelectFilter(
        place_count=2, replicas_on_different=("Aux/zone",))))
    placed(model)
    placed(model, node="n2")
    evacuated(model)
    settled(model)
    assert [resource.node_name for resource in model.cluster.resources_of("data")] == ["n2", "n3"]


def test_what_can_not_go_says_why_and_goes_when_it_can() -> None:
    model = full(1, nodes_there=1)
    job = evacuated(model)
    settled(model)
    move = the_move(model, "data0")
    assert (move.state, move.blocked_code) == (JobState.WAITING, Code.NOT_ENOUGH_NODES)
    assert now(model, job).state is JobState.WAITING
    assert "'data0'" in now(model, job).blocked_by
    model.add_node("n2", free_kib=1024)
    settled(model)
    assert on(model, "n1") == ["data0"]
    model.add_node("n3")
    settled(model)
    assert now(model, job).state is JobState.DONE
    assert on(model, "n3") == ["data0"]


def test_what_is_open_does_not_hold_up_the_rest() -> None:
    model = full(4)
    for name in ("data0", "data1", "data2"):
        in_use(model, model.cluster.resources[name.upper(), "N1"])
    job = evacuated(model)
    for _ in range(MOST_ROUNDS):
        advanced(model)
        for node in ("n2", "n3"):
            model.answer(node)
        model.report("n1", [_still_open(spec) for spec in model.specs("n1")])
    assert on(model, "n1") == ["data0", "data1", "data2"]
    assert now(model, job).state is JobState.WAITING
    assert now(model, job).blocked_code == Code.IN_USE
    settled(model)  # from here on nobody has anything open
    assert now(model, job).state is JobState.DONE


def _still_open(spec: ResourceSpec) -> ResourceSeen:
    seen = done(spec)
    if spec.resource_name == "data3":
        return seen
    return structs.replace(seen, volumes=tuple(structs.replace(each, in_use=True) for each in seen.volumes))


def test_snapshots_leave_with_their_resource_and_those_without_one_are_named() -> None:
    model = full(1)
    placed(model, "other")
    for name in ("data0", "other"):
        model.run(snapshots.create, SnapshotCreate(name="before"), resource=name)
        model.answer()
    model.run(resources.delete, resource="other", node="n1")
    model.answer()
    job = evacuated(model)
    settled(model)
    assert [part.node_name for part in model.cluster.snapshots["DATA0", "BEFORE"].nodes] != ["n1"]
    assert now(model, job).state is JobState.WAITING
    assert "'other'" in now(model, job).blocked_by
    model.run(snapshots.delete, resource="other", snapshot="before")
    model.answer()
    settled(model)
    assert now(model, job).state is JobState.DONE


def test_restoring_the_node_ends_it() -> None:
    model = full()
    job = evacuated(model)
    for _ in range(4):
        round_of(model)
    assert len(on(model, "n1")) > 0
    model.run(node_links.restore, NodeRestore(), node="n1")
    settled(model)
    assert now(model, job).state is JobState.CANCELLED
    assert not model.cluster.live_jobs
    assert len(model.cluster.resources) == 5
    assert not any(resource.flags for resource in model.cluster.resources.values())


def test_a_move_called_off_by_hand_stays_so_until_it_is_asked_for_again() -> None:
    model = full(1)
    job = evacuated(model)
    advanced(model)
    model.run(jobs.cancel, job=the_move(model, "data0").uuid)
    settled(model)
    assert now(model, job).state is JobState.WAITING
    assert "'data0'" in now(model, job).blocked_by
    evacuated(model)
    settled(model)
    assert now(model, job).state is JobState.DONE
    assert on(model, "n1") == []


def test_calling_it_off_leaves_everything_where_it_is() -> None:
    model = full()
    job = evacuated(model)
    advanced(model)
    advanced(model)
    model.run(jobs.cancel, job=job.uuid)
    settled(model)
    assert now(model, job).state is JobState.CANCELLED
    assert len(on(model, "n1")) == 5
    assert not any(resource.flags for resource in model.cluster.resources.values())
    assert "EVACUATE" in model.cluster.nodes["N1"].flags


def test_a_target_that_is_lost_is_replaced_by_another() -> None:
    model = full(1)
    job = evacuated(model, do_not_target=("n3",))
    for _ in range(2):
        round_of(model)
    assert the_move(model, "data0").target_node == "n2"
    model.run(node_links.evacuate, NodeEvacuate(do_not_target=("n2",)), node="n1")
    model.away("n2")
    model.run(nodes.lose, node="n2")
    settled(model)
    assert now(model, job).state is JobState.DONE
    assert on(model, "n3") == ["data0"]


def test_a_node_that_is_lost_meanwhile_ends_it() -> None:
    model = full(2)
    job = evacuated(model)
    advanced(model)
    model.away("n1")
    model.run(nodes.lose, node="n1")
    settled(model)
    assert now(model, job).is_finished
    assert not model.cluster.live_jobs and not model.cluster.resources


def test_nothing_new_goes_to_a_node_that_is_being_left() -> None:
    model = full(1)
    evacuated(model)
    placed(model, "other", node="n2")
    with pytest.raises(Conflict) as refusal:
        model.run(resources.create_one, ResourceCreate(), resource="other", node="n1")
    assert refusal.value.code == Code.EVACUATING
    with pytest.raises(Conflict) as refused:
        model.run(autoplace.autoplace, AutoPlace(select_filter=AutoSelectFilter(
            place_count=2, node_name_list=("n1", "n2"))), resource="other")
    assert "EVACUATE" in refused.value.details


def test_several_pools_have_to_be_there_all() -> None:
    model = Model.with_nodes(1)
    model.add_node("n1", pool_name="fast")
    source = placed(model, volumes=2)
    other = structs.replace(source, volumes=(source.volumes[0], structs.replace(source.volumes[1],
                                                                                 storage_pool="fast")))
    model.put(other)
    model.answer()
    model.add_node("n2")
    job = evacuated(model)
    settled(model)
    assert "there is no pool fast" in the_move(model, "data").blocked_by
    model.add_node("n2", pool_name="fast", free_kib=10 * GIB_KIB)
    settled(model)
    assert now(model, job).state is JobState.DONE
    assert [volume.storage_pool for volume in model.cluster.resources["DATA", "N2"].volumes] == ["thin", "fast"]


def test_a_move_that_is_under_way_becomes_part_of_it() -> None:
    model = full(2)
    early = moved(model, "data0", target="n3")
    for _ in range(2):
        round_of(model)
    job = evacuated(model)
    settled(model)
    assert now(model, job).state is JobState.DONE
    assert now(model, early).parent == job.uuid
    assert "data0" in on(model, "n3")
    assert len(model.cluster.jobs) == 3, "one for each resource, and one for the node"
    assert not any(resource.flags for resource in model.cluster.resources.values())


def test_what_was_begun_in_vain_waits_longer_each_time_unless_it_is_asked_for_again() -> None:
    model = full(1)
    job = evacuated(model)
    advanced(model)
    pauses = []
    for _ in range(4):
        while the_move(model, "data0").stage is not Stage.CLOSING:
            later(model, moves.PAUSE_MS)
            advanced(model)
            model.answer("n2", "n3")
        refusing(model, "n1", "data0", Code.IN_USE)
        advanced(model)
        model.answer("n1")
        pauses.append(the_move(model, "data0").not_before_ms - model.context.now_ms())
    assert pauses == sorted(pauses) and pauses[-1] > 3 * pauses[0]
    assert len(the_move(model, "data0").steps) < 4, "what is repeated is told once"
    evacuated(model)
    settled(model)
    assert now(model, job).state is JobState.DONE


def test_a_dry_run_tells_where_everything_would_go() -> None:
    model = Model.with_nodes(1)
    for name in ("n2", "n3"):
        model.add_node(name, kind=ProviderKind.FILE, free_kib=3 * GIB_KIB // 2)
    for number in range(3):
        placed(model, f"data{number}")
    before = model.cluster
    change = node_links.evacuate(before, model.context, Call(NodeEvacuate(), {"node": "n1"}, {"dry_run": ["true"]}))
    told = [entry.message for entry in change.answers[1:]]
    assert sorted(told[:2]) == [f"'data{number}' would go to node 'n{number + 2}', pool thin." for number in range(2)]
    assert "can't leave" in told[2] and "KiB are needed" in change.answers[3].cause


def test_jobs_are_counted() -> None:
    model = full(3)
    assert 'linstor_job_count{kind="MOVE",state="RUNNING"} 0' in "".join(cluster_metrics.job_metrics(model.cluster))
    evacuated(model)
    for _ in range(2):
        advanced(model)
    text = "".join(cluster_metrics.job_metrics(model.cluster))
    assert 'linstor_job_count{kind="EVACUATE",state="RUNNING"} 1' in text
    assert 'linstor_job_count{kind="MOVE",state="RUNNING"} 2' in text
    assert 'linstor_job_count{kind="MOVE",state="WAITING"} 1' in text

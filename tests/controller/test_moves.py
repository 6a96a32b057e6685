"""A move, stage by stage: every way it can go, cut and called off after every step, always ends with the content."""

from __future__ import annotations

import pytest
from msgspec import structs

from linstor_core.controller import transfers
from linstor_core.controller.call import Call
from linstor_core.controller.operations import (
    autoplace,
    clones,
    jobs,
    node_links,
    rename,
    resources,
    snapshots,
    volume_definitions,
)
from linstor_core.controller.queries import jobs as views
from linstor_core.domain.errors import Code, Conflict, LinstorError, NotFound
from linstor_core.domain.jobs import JobState, Stage
from linstor_core.domain.nodes import NetInterface
from linstor_core.domain.observed import VolumeSeen
from linstor_core.testing.builders import GIB_KIB, Model
from linstor_core.wire import rest_jobs
from linstor_core.wire.resource_spec import Address
from linstor_core.wire.rest_bodies import (
    CloneRequest,
    MakeAvailable,
    NodeEvacuate,
    ResourceDefinitionRename,
    SnapshotCreate,
    VolumeDefinitionModify,
)
from tests.controller.moving import (
    advanced,
    holders,
    in_use,
    later,
    moved,
    now,
    placed,
    refusing,
    round_of,
    settled,
    spec,
    until,
)

HERE = {"resource": "data", "node": "n1"}


@pytest.fixture
def model() -> Model:
    return Model.with_nodes(3)


def test_it_takes_the_content_and_all_that_belongs_to_it(model: Model) -> None:
    source = placed(model, volumes=2, props={"StorPoolName": "thin", "Aux/owner": "web"})
    job = moved(model, target="n2")
    settled(model)

    assert now(model, job).state is JobState.DONE
    assert holders(model) == ["n2"]
    target = model.cluster.resources["DATA", "N2"]
    assert (target.props, target.flags) == (source.props, ())
    for before, after in zip(source.volumes, target.volumes, strict=True):
        assert after.props == before.props
        assert after.populated and after.data_id != before.data_id
        assert after.source is not None
        assert (after.source.node_name, after.source.data_id) == ("n1", before.data_id)
    assert now(model, job).secret == ""
    assert not model.cluster.live_jobs and not model.cluster.moving


def test_the_content_stands_still_before_it_is_given_away(model: Model) -> None:
    placed(model)
    job = moved(model, target="n2")
    closing = until(model, job, Stage.CLOSING)
    assert closing.secret and not spec(model, "n1").active
    assert [volume.offer for volume in spec(model, "n1").volumes] == [closing.secret]
    assert holders(model) == ["n1"], "nothing is fetched before the source's node has closed it"

    advanced(model)
    assert now(model, job).stage is Stage.CLOSING, "the node has not answered yet"
    copying = until(model, job, Stage.COPYING)
    fetched = spec(model, "n2").volumes[0]
    assert not spec(model, "n2").active
    assert fetched.origin is not None and fetched.source is not None and fetched.file_system is None
    assert (fetched.origin.node_name, fetched.origin.token) == ("n1", copying.secret)
    assert fetched.origin.addresses == (Address("127.0.0.1", 3366),)
    assert not spec(model, "n1").active and spec(model, "n1").volumes[0].offer == copying.secret


def test_the_source_goes_only_after_the_target_has_all_of_it_and_opened(model: Model) -> None:
    placed(model)
    job = moved(model, target="n2")
    until(model, job, Stage.COPYING)
    model.answer("n1")
    advanced(model)
    assert now(model, job).stage is Stage.COPYING
    model.answer("n2")
    advanced(model)
    opening = now(model, job)
    assert (opening.stage, opening.secret) == (Stage.OPENING, "")
    assert spec(model, "n2").active and spec(model, "n2").volumes[0].origin is None
    assert not spec(model, "n1").volumes[0].delete and spec(model, "n1").volumes[0].offer == ""
    advanced(model)
    assert not spec(model, "n1").volumes[0].delete, "its devices are not confirmed yet"
    model.answer("n2")
    advanced(model)
    assert spec(model, "n1").volumes[0].delete


def test_a_target_whose_devices_do_not_come_up_never_costs_the_source(model: Model) -> None:
    placed(model)
    job = moved(model, target="n2")
    until(model, job, Stage.OPENING)
    refusing(model, "n2", "data", Code.UNKNOWN_ERROR)
    for _ in range(5):
        advanced(model)
        model.answer("n1")
    assert (now(model, job).stage, now(model, job).state) == (Stage.OPENING, JobState.WAITING)
    assert "n2" in now(model, job).blocked_by
    assert not model.cluster.resources["DATA", "N1"].is_deleting
    settled(model)
    assert now(model, job).state is JobState.DONE


def test_without_a_target_the_placement_rules_choose(model: Model) -> None:
    placed(model)
    other = placed(model, node="n3")
    job = moved(model)
    settled(model)
    assert now(model, job).state is JobState.DONE
    assert holders(model) == ["n2", "n3"]
    assert model.cluster.resources["DATA", "N3"] == other


def test_an_inactive_resource_stays_inactive(model: Model) -> None:
    placed(model, flags=("INACTIVE",))
    moved(model, target="n2")
    settled(model)
    assert holders(model) == ["n2"]
    assert model.cluster.resources["DATA", "N2"].flags == ("INACTIVE",)


def test_what_is_open_is_not_moved(model: Model) -> None:
    resource = placed(model)
    in_use(model, resource)
    with pytest.raises(Conflict) as refusal:
        moved(model, target="n2")
    assert refusal.value.code == Code.IN_USE
    assert not model.cluster.jobs


def test_what_is_opened_meanwhile_stays_open_and_goes_later(model: Model) -> None:
    source = placed(model)
    job = moved(model, target="n2")
    until(model, job, Stage.CLOSING)
    refusing(model, "n1", "data", Code.IN_USE)
    advanced(model)
    waiting = now(model, job)
    assert (waiting.stage, waiting.state, waiting.blocked_code) == (Stage.CHECKING, JobState.WAITING, Code.IN_USE)
    assert waiting.secret == ""
    assert model.cluster.resources["DATA", "N1"] == source, "as it was, active"
    model.answer("n1")
    in_use(model, source)
    later(model, 6000)
    advanced(model)
    assert now(model, job).stage is Stage.CHECKING
    in_use(model, source, is_used=False)
    settled(model)
    assert now(model, job).state is JobState.DONE


def test_a_satellite_that_can_not_transfer_is_no_target(model: Model) -> None:
    placed(model)
    seen = model.cluster.nodes_seen["N2"]
    model.put(structs.replace(seen, transfers_content=False))
    with pytest.raises(Conflict) as refusal:
        moved(model, target="n2")
    assert refusal.value.code == Code.PROVIDER_UNSUPPORTED
    job = moved(model)
    settled(model)
    assert now(model, job).target_node == "n3"


def test_what_does_not_fit_is_refused_by_name_and_number(model: Model) -> None:
    small = Model.with_nodes(1)
    small.add_node("n2", free_kib=1024)
    placed(small, size_kib=10 * GIB_KIB)
    seen = small.cluster.seen("data", "n1")
    assert seen is not None
    small.report("n1", [structs.replace(seen, volumes=(structs.replace(seen.volumes[0], allocated_kib=4096),))])
    with pytest.raises(Conflict) as refusal:
        moved(small, target="n2")
    assert "n2/thin" in refusal.value.cause


@pytest.mark.parametrize(("change", "fault"), [
    ({"resource": "other"}, NotFound), ({"node": "nowhere"}, NotFound), ({"node": "n3"}, NotFound)])
def test_what_is_not_there_is_not_moved(model: Model, change: dict[str, str], fault: type[LinstorError]) -> None:
    placed(model)
    with pytest.raises(fault):
        model.run(jobs.move, rest_jobs.ResourceMove(target_node="n2"), **{**HERE, **change})
    with pytest.raises(LinstorError):
        moved(model, target="n1")
    with pytest.raises(NotFound):
        moved(model, target="n2", pool="nowhere")
    assert not model.cluster.jobs


def test_asked_for_twice_it_is_one_move(model: Model) -> None:
    placed(model)
    job = moved(model, target="n2")
    assert moved(model, target="n2") == job
    assert moved(model).uuid == job.uuid
    assert moved(model, target="n3").asked_target == "n3", "it has not begun yet"
    until(model, job, Stage.CLOSING)
    with pytest.raises(Conflict):
        moved(model, target="n2")
    settled(model)
    assert holders(model) == ["n3"]


# What others may do meanwhile


def test_what_stands_still_is_not_changed(model: Model) -> None:
    placed(model)
    job = moved(model, target="n2")
    until(model, job, Stage.COPYING)
    for refused in (
            lambda: model.run(resources.activate, **HERE), lambda: model.run(resources.delete, **HERE),
            lambda: model.run(resources.delete, resource="data", node="n2"),
            lambda: model.run(autoplace.make_available, MakeAvailable(), **HERE),
            lambda: model.run(snapshots.create, SnapshotCreate(name="late"), resource="data"),
            lambda: model.run(clones.clone, CloneRequest(name="copy"), resource="data"),
            lambda: model.run(rename.rename, ResourceDefinitionRename(new_name="other"), resource="data"),
            lambda: model.run(volume_definitions.modify, VolumeDefinitionModify(size_kib=2 * GIB_KIB),
                              resource="data", number="0")):
        with pytest.raises(Conflict) as refusal:
            refused()
        assert refusal.value.code == Code.BUSY
    settled(model)
    assert now(model, job).state is JobState.DONE


def test_a_rename_takes_the_move_along(model: Model) -> None:
    placed(model)
    job = moved(model, target="n2")
    model.run(rename.rename, ResourceDefinitionRename(new_name="other"), resource="data")
    settled(model)
    assert now(model, job).state is JobState.DONE
    assert holders(model, "other") == ["n2"]


def test_the_preferred_interface_is_where_content_is_fetched(model: Model) -> None:
    placed(model)
    node = model.cluster.nodes["N1"]
    fast = NetInterface("u", "fast", "192.0.2.1")
    safe = NetInterface("v", "safe", "192.0.2.2", 3367, "SSL")
    model.put(structs.replace(node, net_interfaces=(*node.net_interfaces, fast, safe), props={"PrefNic": "fast"}))
    job = moved(model, target="n2")
    until(model, job, Stage.COPYING)
    before = model.cluster.generations["DATA", "N2"]
    volume = model.cluster.resources["DATA", "N2"].volumes[0]
    found = transfers.origin(model.cluster, ("DATA", "N2"), volume.source, has_content=False)
    assert found is not None
    assert found.addresses == (Address("192.0.2.1", 3366), Address("127.0.0.1", 3366))
    model.put(structs.replace(model.cluster.nodes["N1"], active_interface="safe", props={}))
    found = transfers.origin(model.cluster, ("DATA", "N2"), volume.source, has_content=False)
    assert found is not None and found.addresses == (Address("192.0.2.2", 3367, encrypted=True),)
    assert model.cluster.generations["DATA", "N2"] > before, "the target is told of the new address"


def test_nobody_is_shown_the_token(model: Model) -> None:
    placed(model)
    job = until(model, moved(model, target="n2"), Stage.COPYING)
    shown = views.show_job(model.cluster, Call(None, {"job": job.uuid}))
    assert job.secret not in repr(job)
    assert job.secret not in repr(shown)


def test_progress_is_told(model: Model) -> None:
    placed(model)
    job = until(model, moved(model, target="n2"), Stage.COPYING)
    fetching = spec(model, "n2")
    volume = VolumeSeen(0, fetching.volumes[0].data_id, False, fetched_kib=100, to_fetch_kib=400)
    seen = model.cluster.seen("data", "n1")
    assert seen is not None
    model.report("n2", [structs.replace(seen, node_name="n2", generation=0, volumes=(volume,))])
    advanced(model)
    shown = views.show_job(model.cluster, Call(None, {"job": job.uuid}))
    assert isinstance(shown, rest_jobs.Job)
    assert (shown.done_kib, shown.total_kib, shown.stage) == (100, 400, "COPYING")


def test_two_leave_a_node_at_a_time(model: Model) -> None:
    for number in range(4):
        placed(model, f"data{number}")
    found = [moved(model, f"data{number}", target="n2") for number in range(4)]
    most = 0
    while round_of(model):
        most = max(most, sum(now(model, job).holds_slot for job in found))
    assert most == 2
    assert {now(model, job).state for job in found} == {JobState.DONE}


def test_what_is_over_can_be_forgotten_and_nothing_else(model: Model) -> None:
    placed(model)
    job = moved(model, target="n2")
    with pytest.raises(Conflict):
        model.run(jobs.forget, job=job.uuid)
    settled(model)
    assert not model.run(jobs.cancel, job=job.uuid).puts
    model.run(jobs.forget, job=job.uuid)
    assert not model.cluster.jobs
    with pytest.raises(NotFound):
        model.run(jobs.cancel, job=job.uuid)


def test_old_jobs_are_forgotten(model: Model) -> None:
    placed(model)
    job = moved(model, target="n2")
    settled(model)
    for number in range(jobs.KEPT):
        newer_ms = now(model, job).changed_ms + number + 1
        model.put(structs.replace(now(model, job), uuid=f"u{number}", changed_ms=newer_ms))
    model.run(lambda cluster, context, _: jobs.forget_old(cluster, context))
    assert job.uuid not in model.cluster.jobs
    assert len(model.cluster.jobs) == jobs.KEPT


def test_a_marked_node_is_no_target(model: Model) -> None:
    placed(model)
    model.run(node_links.evacuate, NodeEvacuate(), node="n2")
    with pytest.raises(Conflict) as refusal:
        moved(model, target="n2")
    assert refusal.value.code == Code.EVACUATING

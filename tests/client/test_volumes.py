"""VolumeService word by word: which calls a verb makes, and that repeating it changes nothing."""

from __future__ import annotations

import pytest

from linstor_core.client.errors import AnswerTimeout, InUse, NotEnoughNodes, ObjectNotFound
from linstor_core.client.volume_placing import PLACING
from linstor_core.client.volume_values import ORIGIN
from linstor_core.client.volumes import (
    BeingDeleted,
    Capacity,
    CloneFailed,
    HasSnapshots,
    MigrationWindow,
    RollbackBlocked,
    VolumeMismatch,
    VolumeService,
)
from tests.client.scripted_controller import CREATED, refusal

DEFINITIONS = "GET /v1/resource-definitions"
RESOURCES = "GET /v1/view/resources"
SNAPSHOTS = "GET /v1/view/snapshots"
DEFINITION = {"name": "vol", "resource_group_name": "Gold", "props": {"Aux/a": "1"},
              "volume_definitions": [{"volume_number": 0, "size_kib": 1024}]}
SYMLINKS = {"Satellite/Device/Symlinks/0": "/dev/drbd/by-disk/x",
            "Satellite/Device/Symlinks/1": "/dev/drbd/by-res/vol/0"}
REPLICA = {"name": "vol", "node_name": "n1", "state": {"in_use": True},
           "volumes": [{"volume_number": 0, "device_path": "/dev/loop1"}]}
ACCESS = {"name": "vol", "node_name": "n2", "flags": ["DISKLESS", "DRBD_DISKLESS"],
          "volumes": [{"volume_number": 0, "device_path": "/dev/drbd1000", "props": SYMLINKS}]}
SNAPSHOT = {"name": "s1", "resource_name": "vol", "nodes": ["n1"], "flags": ["SUCCESSFUL"],
            "volume_definitions": [{"volume_number": 0, "size_kib": 512}],
            "snapshots": [{"node_name": "n1", "create_timestamp": 7}]}


@pytest.fixture
def service(client):
    return VolumeService(client, sleep=lambda _: None, clock=iter(range(100)).__next__)


def there(controller, *resources):
    controller.answer(DEFINITIONS, [DEFINITION])
    controller.answer(RESOURCES, list(resources))
    controller.answer(SNAPSHOTS, [])


def test_find(controller, service):
    there(controller, REPLICA, ACCESS)
    volume = service.find("VOL")
    assert volume is not None
    assert (volume.name, volume.size_kib, volume.group, volume.nodes) == ("vol", 1024, "Gold", ("n1",))
    assert volume.devices == {"n1": "/dev/loop1", "n2": "/dev/drbd/by-res/vol/0"}
    assert volume.in_use_on == ("n1",)
    controller.answer(DEFINITIONS, [])
    assert service.find("vol") is None


def test_get_says_in_the_controllers_words_what_is_missing(controller, service):
    controller.answer(DEFINITIONS, [])
    controller.answer("GET /v1/resource-definitions/vol", refusal(301, "no vol here"), status=404)
    with pytest.raises(ObjectNotFound, match="no vol here"):
        service.get("vol")


def test_list_filters(controller, service):
    other = {"name": "empty", "resource_group_name": "Gold"}
    controller.answer(DEFINITIONS, [DEFINITION, other])
    controller.answer(RESOURCES, [REPLICA])
    assert [volume.name for volume in service.list("vo", {"Aux/a": "1"})] == ["vol"]
    assert controller.requests[0][1] == {"props": ["Aux/a=1"], "with_volume_definitions": ["True"]}
    assert service.list("x") == ()


def test_create(controller, service):
    controller.answers_in_turn(DEFINITIONS, [], [DEFINITION])
    controller.answer(RESOURCES, [REPLICA])
    controller.answer("POST /v1/resource-groups/gold/spawn", [CREATED], status=201)
    controller.answer("PUT /v1/resource-definitions/vol", [CREATED])
    assert service.create("vol", "gold", 1024, {"Aux/b": "2"}).nodes == ("n1",)
    assert controller.body_of("POST /v1/resource-groups/gold/spawn") == {
        "resource_definition_name": "vol", "volume_sizes": [1024]}
    assert controller.body_of("PUT /v1/resource-definitions/vol") == {"override_props": {"Aux/b": "2"}}


def test_create_again_changes_nothing(controller, service):
    there(controller, REPLICA)
    assert service.create("vol", "gold", 1024, {"Aux/a": "1"}).name == "vol"
    assert {call.split()[0] for call in controller.asked} == {"GET"}


def test_create_completes_what_was_never_placed(controller, service):
    there(controller)
    controller.answer("POST /v1/resource-definitions/vol/autoplace", [CREATED])
    service.create("vol", "gold", 1024)
    assert "POST /v1/resource-definitions/vol/autoplace" in controller.asked


@pytest.mark.parametrize(("group", "size_kib"), [("gold", 2048), ("silver", 1024)])
def test_create_over_another_volume(controller, service, group, size_kib):
    there(controller, REPLICA)
    with pytest.raises(VolumeMismatch, match="1024 KiB"):
        service.create("vol", group, size_kib)


def test_a_volume_that_cannot_be_placed_does_not_stay(controller, service):
    controller.answers_in_turn(DEFINITIONS, [], [DEFINITION])
    controller.answer(RESOURCES, [])
    controller.answer("POST /v1/resource-groups/gold/spawn", refusal(996), status=500)
    controller.answer("DELETE /v1/resource-definitions/vol", [CREATED])
    with pytest.raises(NotEnoughNodes):
        service.create("vol", "gold", 1024)
    assert "DELETE /v1/resource-definitions/vol" in controller.asked


def test_a_wish_that_leaves_no_room_for_the_others_is_dropped(controller, service):
    begun = {**DEFINITION, "props": {PLACING: "n1"}}
    controller.answers_in_turn(DEFINITIONS, [], [begun], [begun], [], [DEFINITION])
    controller.answers_in_turn(RESOURCES, [], [REPLICA])
    controller.answer("GET /v1/resource-groups/Gold", {"name": "Gold"})
    controller.answer("POST /v1/resource-groups/gold/spawn", [CREATED], status=201)
    controller.answers["POST /v1/resource-definitions/vol/autoplace"] = [(201, [CREATED]), (500, refusal(996))]
    controller.answer("DELETE /v1/resource-definitions/vol", [CREATED])
    assert service.create("vol", "gold", 1024, preferred_node="n1").nodes == ("n1",)
    assert [(call, body) for call, _, body in controller.requests if not call.startswith("GET")] == [
        ("POST /v1/resource-groups/gold/spawn", {
            "resource_definition_name": "vol", "volume_sizes": [1024], "definitions_only": True,
            "resource_definition_props": {PLACING: "n1"}}),
        ("POST /v1/resource-definitions/vol/autoplace", {"select_filter": {
            "place_count": 1, "node_name_list": ["n1"]}}),
        ("POST /v1/resource-definitions/vol/autoplace", {}),
        ("DELETE /v1/resource-definitions/vol", None),
        ("POST /v1/resource-groups/gold/spawn", {"resource_definition_name": "vol", "volume_sizes": [1024]})]


def test_a_volume_whose_creation_may_go_on_is_left_alone(controller, service):
    controller.answer(DEFINITIONS, [])
    service.find("vol")
    controller.hang_up = 2
    with pytest.raises(AnswerTimeout):
        service._spawn("vol", "gold", 1024)
    assert not [call for call in controller.asked if call.startswith("DELETE")]


def test_grow(controller, service):
    there(controller, REPLICA)
    one = "/v1/resource-definitions/vol/volume-definitions/0"
    controller.answer(f"PUT {one}", [CREATED])
    controller.answers_in_turn(f"GET {one}", {"flags": ["RESIZE"]}, {"flags": []})
    service.grow("vol", 1024)
    assert "PUT /v1/resource-definitions/vol/volume-definitions/0" not in controller.asked
    service.grow("vol", 4096)
    assert controller.body_of("PUT /v1/resource-definitions/vol/volume-definitions/0") == {"size_kib": 4096}


def test_delete(controller, service):
    there(controller, REPLICA)
    controller.answer("DELETE /v1/resource-definitions/vol", refusal(997), status=500)
    with pytest.raises(InUse):
        service.delete("vol")
    controller.answer(SNAPSHOTS, [SNAPSHOT])
    with pytest.raises(HasSnapshots) as refused:
        service.delete("vol")
    assert refused.value.names == ("s1",)
    controller.answer(DEFINITIONS, [])
    service.delete("vol")


def test_make_available_and_release(controller, service):
    there(controller, REPLICA, ACCESS)
    place = "/v1/resource-definitions/vol/resources/n2"
    controller.answer(f"POST {place}/make-available", [CREATED])
    controller.answer(f"GET {place}/volumes/0", ACCESS["volumes"][0])
    controller.answer(f"DELETE {place}", [CREATED])
    assert service.make_available("vol", "n2") == "/dev/drbd/by-res/vol/0"
    service.release("vol", "n2")
    assert controller.requests[-1] == (f"DELETE {place}", {"keep_tiebreaker": ["True"]}, None)
    controller.answer(RESOURCES, [REPLICA])
    service.release("vol", "n1")
    assert controller.asked[-1] == RESOURCES


def test_snapshots(controller, service):
    create = "POST /v1/resource-definitions/vol/snapshots"
    controller.answers_in_turn(SNAPSHOTS, [], [SNAPSHOT])
    controller.answer(create, [CREATED], status=201)
    controller.answer("DELETE /v1/resource-definitions/vol/snapshots/s1", [CREATED])
    taken = service.snapshot("vol", "s1")
    assert (taken.size_kib, taken.complete, taken.created_ms) == (512, True, 7)
    service.snapshot("vol", "S1")
    assert controller.asked.count(create) == 1
    service.delete_snapshot("vol", "other")
    service.delete_snapshot("vol", "s1")
    assert [call for call in controller.asked if call.startswith("DELETE")] == [
        "DELETE /v1/resource-definitions/vol/snapshots/s1"]


RESTORED = {"name": "new", "resource_group_name": "Gold", "props": {ORIGIN: "NEW from snapshot u-s1"}}


@pytest.mark.parametrize(("target", "has_volumes", "placed", "calls"), [
    (None, False, False, 3),
    (RESTORED, False, False, 2),
    (RESTORED, True, False, 1),
    (RESTORED, True, True, 0),
])
def test_a_restore_goes_on_where_it_stopped(controller, service, *, target, has_volumes, placed, calls):
    done = {**RESTORED, "volume_definitions": DEFINITION["volume_definitions"]}
    resource = {**REPLICA, "name": "new"}
    controller.answers_in_turn(DEFINITIONS, [target] if target else [], [done])
    controller.answer(RESOURCES, [resource])
    controller.answer("GET /v1/resource-definitions/new", RESTORED)
    controller.answer("GET /v1/resource-definitions/new/volume-definitions",
                      DEFINITION["volume_definitions"] if has_volumes else [])
    controller.answer("GET /v1/resource-definitions/new/volume-definitions/0", {"flags": []})
    controller.answer("GET /v1/resource-definitions/new/resources", [resource] if placed else [])
    controller.answer("GET /v1/resource-definitions/vol/snapshots/s1", {**SNAPSHOT, "uuid": "u-s1"})
    controller.answer("GET /v1/resource-definitions/vol", DEFINITION)
    controller.answer("POST /v1/resource-definitions", [CREATED], status=201)
    for step in ("volume-definition", "resource"):
        controller.answer(f"POST /v1/resource-definitions/vol/snapshot-restore-{step}/s1", [CREATED])
    assert service.restore_snapshot("vol", "s1", "new").name == "new"
    assert len([call for call in controller.asked if call.startswith("POST")]) == calls


def test_a_volume_of_another_origin_is_no_copy(controller, service):
    controller.answer("GET /v1/resource-definitions/vol", {**DEFINITION, "uuid": "u-vol"})
    controller.answer("GET /v1/resource-definitions/vol/snapshots/s1", {**SNAPSHOT, "uuid": "u-s1"})
    controller.answer(DEFINITIONS, [{**DEFINITION, "name": "new"}])
    controller.answer("GET /v1/resource-definitions/new", {**DEFINITION, "name": "new"})
    with pytest.raises(VolumeMismatch, match="not made from"):
        service.clone("vol", "new")
    with pytest.raises(VolumeMismatch, match="not made from"):
        service.restore_snapshot("vol", "s1", "new")
    assert {call.split()[0] for call in controller.asked} == {"GET"}


def test_clone_waits(controller, service):
    copy = {**DEFINITION, "name": "new", "props": {ORIGIN: "NEW from volume u-vol"}}
    controller.answer("GET /v1/resource-definitions/vol", {**DEFINITION, "uuid": "u-vol"})
    controller.answer("GET /v1/resource-definitions/new", copy)
    controller.answer("GET /v1/resource-definitions/new/volume-definitions/0", {"flags": []})
    status = "GET /v1/resource-definitions/vol/clone/new"
    controller.answers_in_turn(DEFINITIONS, [], [copy])
    controller.answer(RESOURCES, [])
    controller.answer("POST /v1/resource-definitions/vol/clone", {"location": "/x", "source_name": "vol",
                                                                  "clone_name": "new"}, status=201)
    controller.answers_in_turn(status, {"status": "CLONING"}, {"status": "CLONING"}, {"status": "COMPLETE"})
    assert service.clone("vol", "new").name == "new"
    assert controller.asked.count(status) == 3
    controller.answer(status, {"status": "FAILED"})
    with pytest.raises(CloneFailed):
        service.clone("vol", "new")
    controller.answer(status, {"status": "CLONING"})
    with pytest.raises(CloneFailed, match="within 5 s"):
        service.clone("vol", "new", timeout_s=5)
    controller.answer(status, refusal(301), status=404)
    with pytest.raises(ObjectNotFound):
        service.clone("vol", "new")


def test_a_clone_that_is_refused(controller, service):
    controller.answer("GET /v1/resource-definitions/vol", DEFINITION)
    controller.answer(DEFINITIONS, [])
    answer = {"location": "/x", "source_name": "vol", "clone_name": "new", "messages": refusal(301)}
    controller.answer("POST /v1/resource-definitions/vol/clone", answer, status=500)
    with pytest.raises(ObjectNotFound):
        service.clone("vol", "new")
    controller.answer("POST /v1/resource-definitions/vol/clone", refusal(301), status=404)
    with pytest.raises(ObjectNotFound):
        service.clone("vol", "new")


def test_capacity(controller, service):
    info = {"space_info": {"max_vlm_size_in_kib": 5, "available_size_in_kib": 7, "capacity_in_kib": 9}}
    controller.answer("POST /v1/resource-groups/gold/query-size-info", info)
    assert service.capacity("gold") == Capacity(9, 7, 5)
    controller.answer("POST /v1/resource-groups/gold/query-size-info", {"reports": []})
    assert service.capacity("gold") == Capacity(0, 0, 0)


def test_rename(controller, service):
    rename = "POST /v1/resource-definitions/vol/rename"
    new = {**DEFINITION, "name": "new", "uuid": "u1"}
    controller.answer(RESOURCES, [])
    controller.answers_in_turn(DEFINITIONS, [{**DEFINITION, "uuid": "u1"}], [], [new])
    controller.answers_in_turn(rename, refusal(992), [CREATED])
    assert service.rename("vol", "new").name == "new"
    assert controller.body_of(rename) == {"new_name": "new"}
    asked = controller.asked.count(rename)
    controller.answers_in_turn(DEFINITIONS, [], [new])
    assert service.rename("vol", "new").uuid == "u1"
    assert controller.asked.count(rename) == asked, "it was done before"
    controller.answers_in_turn(DEFINITIONS, [DEFINITION], [new])
    with pytest.raises(VolumeMismatch, match="exists, too"):
        service.rename("vol", "new")


def test_a_window_for_a_migration(controller, service):
    window = "/v1/resource-definitions/vol/resource-connections/n1/n2/migration-window"
    controller.answer(f"PUT {window}", [CREATED])
    controller.answer(f"GET {window}", {"open": True, "expires_ms": 9})
    controller.answer(f"DELETE {window}", refusal(302), status=404)
    assert service.open_migration_window("vol", "n1", "n2", 5) == MigrationWindow("vol", ("n1", "n2"), 9)
    assert controller.body_of(f"PUT {window}") == {"lease_s": 5}
    service.close_migration_window("vol", "n1", "n2")


def test_what_stands_against_a_rollback(controller, service):
    controller.answer("GET /v1/resource-definitions/vol/snapshots/s1", SNAPSHOT)
    newer = {**SNAPSHOT, "name": "s2", "snapshots": [{"node_name": "n1", "create_timestamp": 8}]}
    controller.answer(SNAPSHOTS, [newer, SNAPSHOT])
    controller.answer(RESOURCES, [{**REPLICA, "state": {}}])
    assert not service.rollback_blockers("vol", "s1")
    zfs = {**REPLICA, "volumes": [{"volume_number": 0, "provider_kind": "ZFS"}]}
    controller.answer(RESOURCES, [zfs])
    blockers = service.rollback_blockers("vol", "s1")
    assert (blockers.in_use_on, blockers.snapshots, len(blockers.reasons)) == (("n1",), ("s2",), 2)
    with pytest.raises(RollbackBlocked, match="in use on n1"):
        service.roll_back("vol", "s1")


def test_a_volume_on_its_way_out(controller, service):
    controller.answer(DEFINITIONS, [{**DEFINITION, "flags": ["DELETE"]}])
    controller.answer(RESOURCES, [])
    assert service.find("vol") is None
    assert service.list() == ()
    with pytest.raises(BeingDeleted):
        service.create("vol", "gold", 1024)


def test_capacities(controller, service):
    info = {"space_info": {"max_vlm_size_in_kib": 5, "available_size_in_kib": 7, "capacity_in_kib": 9}}
    controller.answer("POST /v1/queries/resource-groups/query-all-size-info", {"result": {"gold": info}})
    assert service.capacities() == {"gold": Capacity(9, 7, 5)}

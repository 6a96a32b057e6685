"""Files on nodes that nobody names: what is told of them, adopted without touching them, removed only when named."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import structs

from linstor_core.controller.call import Call
from linstor_core.controller.change import Change
from linstor_core.controller.operations import (
    forced_ends,
    orphans,
    reports,
    resource_definitions,
    resources,
    volume_definitions,
)
from linstor_core.controller.queries import orphans as orphans_shown
from linstor_core.controller.queries import resource_definitions as definitions_shown
from linstor_core.controller.queries import resources as resources_shown
from linstor_core.controller.queries import tombstones as tombstones_shown
from linstor_core.domain.errors import Code, LinstorError
from linstor_core.domain.observed import Failure, OrphanSeen
from linstor_core.domain.tombstones import TombstoneKind
from linstor_core.testing.builders import Model, done
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire import rest_tombstones as rest
from linstor_core.wire.node_report import Report
from linstor_core.wire.rest_v1 import ResourceDefinitionLayer

PATH = "/pools/thin/web_00000.img"
MIB = 1024 * 1024


def orphan(path: str = PATH, data_id: str = "d1", size_bytes: int = MIB, state: str = "ready") -> OrphanSeen:
    return OrphanSeen(path, "thin", data_id, state, size_bytes, 4, 1_700_000_000_000)


def with_orphans(model: Model, *found: OrphanSeen, node: str = "n1") -> Model:
    report = Report(orphans=tuple(each.path for each in found), orphan_files=found)
    change = reports.reported(node, report)(model.cluster, model.context)
    model.put(*change.puts)
    return model


def adopted(model: Model, path: str = PATH, name: str = "web", number: int = 0, node: str = "n1") -> Change:
    return model.run(orphans.adopt, rest.OrphanAdopt(node_name=node, path=path, resource_name=name,
                                                     volume_number=number))


def removed(model: Model, path: str = PATH, data_id: str = "d1") -> Change:
    return model.run(orphans.remove, rest.OrphanRemove(node_name="n1", path=path, data_id=data_id))


def refused(model: Model, write: object, *arguments: object) -> LinstorError:
    before = model.cluster
    with pytest.raises(LinstorError) as caught:
        write(model, *arguments)  # type: ignore[operator]
    assert model.cluster is before
    assert caught.value.cause
    return caught.value


def listed(model: Model, **query: list[str]) -> list[rest.Orphan]:
    found = orphans_shown.list_all(model.cluster, Call(None, query=query))
    return msgspec.convert(msgspec.to_builtins(found), list[rest.Orphan])


def define(model: Model, name: str, size_kib: int = 1024) -> None:
    model.run(resource_definitions.create, bodies.ResourceDefinitionCreate(
        resource_definition=bodies.ResourceDefinitionFields(name=name, layer_data=(
            ResourceDefinitionLayer(type="STORAGE"),))))
    model.run(volume_definitions.create, bodies.VolumeDefinitionCreate(
        volume_definition=bodies.VolumeDefinitionFields(size_kib=size_kib)), resource=name)


def place(model: Model, name: str, node: str = "n1") -> Change:
    return model.run(resources.create_one, bodies.ResourceCreate(resource=bodies.ResourceFields(
        props={"StorPoolName": "thin"})), resource=name, node=node)


@pytest.mark.parametrize(("name", "seems"), [
    ("web_00003.img", ("web", 3, "")), ("web.2_00000.img", ("web", 0, "")),
    ("a_b_00000_snap-1.img", ("a_b", 0, "snap-1")), (".web_00001.d1.tmp", ("web", 1, "")),
    ("strange.img", ("", None, "")), ("lost+found", ("", None, ""))])
def test_a_name_says_what_a_file_was(name: str, seems: tuple[str, int | None, str]) -> None:
    model = with_orphans(Model.with_nodes(2), orphan(f"/pools/thin/{name}"))
    (found,) = listed(model)
    assert (found.resource_name, found.volume_number, found.snapshot_name) == seems
    assert (found.node_name, found.data_id, found.size_kib, found.storage_pool_name) == ("n1", "d1", 1024, "thin")
    assert listed(model, nodes=["N2"]) == []
    with pytest.raises(LinstorError):
        listed(model, nodes=["nope"])


def test_a_satellite_of_an_earlier_release_tells_paths() -> None:
    model = Model.with_nodes(1)
    change = reports.reported("n1", Report(orphans=(PATH,)))(model.cluster, model.context)
    model.put(*change.puts)
    assert [(found.path, found.data_id, found.size_kib) for found in listed(model)] == [(PATH, "", None)]
    assert refused(model, adopted).code == Code.INVLD_REQUEST


def test_an_adopted_file_is_a_volume_as_it_is() -> None:
    model = with_orphans(Model.with_nodes(1), orphan())
    change = adopted(model)
    (spec,) = model.specs("n1")
    (volume,) = spec.volumes
    assert (volume.identifier, volume.data_id, volume.size_kib, volume.must_exist, volume.source) == (
        "web_00000", "d1", 1024, True, None)
    assert listed(model) == []
    assert model.entries(change) is None
    model.answer()
    assert [entry.code for entry in model.entries(change) or ()] == [1]
    definition = model.cluster.definition("web")
    assert definition is not None
    assert [(each.number, each.size_kib) for each in definition.volume_definitions] == [(0, 1024)]


def test_a_second_file_becomes_a_second_volume() -> None:
    model = with_orphans(Model.with_nodes(1), orphan(), orphan("/pools/thin/old_00007.img", "d2", 2 * MIB))
    adopted(model)
    model.answer()
    adopted(model, "/pools/thin/old_00007.img", number=1)
    model.answer()
    found = model.cluster.resources["WEB", "N1"]
    assert [(each.number, each.identifier, each.data_id) for each in found.volumes] == [
        (0, "web_00000", "d1"), (1, "old_00007", "d2")]
    define(model, "old")
    assert refused(with_orphans(model, orphan("/pools/thin/x_00000.img", "d3")), adopted, "/pools/thin/x_00000.img"
                   ).code == Code.EXISTS_VLM


def test_an_adopted_name_is_taken_from_then_on() -> None:
    model = with_orphans(Model.with_nodes(1), orphan())
    adopted(model, name="site")
    define(model, "web")
    place(model, "web")
    assert model.cluster.resources["WEB", "N1"].volumes[0].identifier == "web.1_00000"


def test_a_new_volume_keeps_clear_of_an_orphan() -> None:
    model = with_orphans(Model.with_nodes(1), orphan())
    define(model, "web")
    place(model, "web")
    assert model.cluster.resources["WEB", "N1"].volumes[0].identifier == "web.1_00000"


@pytest.mark.parametrize(("found", "code"), [
    (orphan("/pools/thin/.web_00000.d1.tmp"), Code.INVLD_REQUEST), (orphan(state="blank"), Code.INVLD_REQUEST),
    (orphan(data_id=""), Code.INVLD_REQUEST), (orphan(size_bytes=0), Code.INVLD_REQUEST)])
def test_what_is_not_whole_is_not_adopted(found: OrphanSeen, code: Code) -> None:
    model = with_orphans(Model.with_nodes(1), found)
    assert refused(model, adopted, found.path).code == code


def test_what_does_not_fit_is_not_adopted() -> None:
    model = with_orphans(Model.with_nodes(2), orphan())
    assert refused(model, adopted, "/pools/thin/other.img").code == Code.NOT_FOUND_ORPHAN
    assert refused(model, adopted, PATH, "no name").code == Code.INVLD_RSC_NAME
    define(model, "larger", 2048)
    assert refused(model, adopted, PATH, "larger").code == Code.INVLD_VLM_SIZE
    define(model, "elsewhere")
    place(model, "elsewhere", "n2")
    assert refused(model, adopted, PATH, "elsewhere").code == Code.EXISTS_RSC
    model.away("n1")
    assert refused(model, adopted).code == Code.NOT_CONNECTED


def test_a_copy_made_by_hand_is_not_adopted() -> None:
    model = Model.with_nodes(1)
    define(model, "web")
    place(model, "web")
    data_id = model.cluster.resources["WEB", "N1"].volumes[0].data_id
    with_orphans(model, orphan("/pools/thin/copy_00000.img", data_id))
    assert refused(model, adopted, "/pools/thin/copy_00000.img", "copy").code == Code.BUSY


def test_a_copy_made_by_hand_is_removed_but_never_what_it_is_a_copy_of() -> None:
    model = Model.with_nodes(1)
    define(model, "web")
    place(model, "web")
    model.answer()
    data_id = model.cluster.resources["WEB", "N1"].volumes[0].data_id
    copy, same = "/pools/thin/copy_00000.img", "/link-to-the-pool/web_00000.img"
    with_orphans(model, orphan(copy, data_id), orphan(same, data_id))
    assert refused(model, removed, same, data_id).code == Code.BUSY
    removed(model, copy, data_id)
    assert [spec.volumes[0].identifier for spec in model.specs("n1")] == ["copy_00000", "web_00000"]


def test_removing_names_exactly_one_file_with_one_identity() -> None:
    model = with_orphans(Model.with_nodes(1), orphan())
    assert refused(model, removed, PATH, "d2").code == Code.INVLD_REQUEST
    assert refused(model, removed, PATH, "").code == Code.INVLD_REQUEST
    change = removed(model)
    (spec,) = model.specs("n1")
    assert [(each.identifier, each.data_id, each.delete) for each in spec.volumes] == [("web_00000", "d1", True)]
    assert listed(model) == []
    with_orphans(model, orphan(data_id="d1"))
    assert refused(model, adopted).code == Code.BUSY
    assert model.entries(change) is None
    model.answer()
    assert [entry.code for entry in model.entries(change) or ()] == [2]
    assert not model.cluster.tombstones


def test_an_unfinished_file_is_removed_by_the_name_it_would_have_got() -> None:
    path = "/pools/thin/.web_00000.d1.tmp"
    model = with_orphans(Model.with_nodes(1), orphan(path, state="blank"))
    removed(model, path)
    assert [each.identifier for each in model.specs("n1")[0].volumes] == ["web_00000"]


def test_a_removal_that_fails_is_told_and_kept() -> None:
    model = with_orphans(Model.with_nodes(1), orphan())
    change = removed(model)
    model.answer(failures=(Failure("It is in use.", code=Code.IN_USE),))
    assert [entry.code for entry in model.entries(change) or () if entry.is_error] == [Code.IN_USE]
    (stone,) = model.cluster.tombstones.values()
    assert stone.kind is TombstoneKind.ORPHAN
    shown = tombstones_shown.shown(model.cluster, stone)
    assert [(each.node_name, each.reason) for each in shown.blocked_by] == [("n1", "It is in use.")]


def test_a_forgotten_tombstone_says_what_stays_where() -> None:
    model = Model.with_nodes(1)
    pool = model.cluster.storage_pools["N1", "THIN"]
    model.put(structs.replace(pool, props={"StorDriver/StorPoolName": "/pools/thin"}))
    define(model, "web")
    place(model, "web")
    model.answer()
    model.away("n1")
    model.run(resource_definitions.delete, resource="web")
    (stone,) = model.cluster.tombstones.values()
    found = tombstones_shown.list_all(model.cluster, Call(None, query={"nodes": ["n1"]}))
    (shown,) = msgspec.convert(msgspec.to_builtins(found), list[rest.Tombstone])
    assert (shown.uuid, shown.volumes[0].path) == (stone.uuid, PATH)
    assert [each.reason for each in shown.blocked_by] == ["The node is not connected."]
    assert shown.blocked_by[0].since
    answers = model.run(forced_ends.forget, uuid=stone.uuid.upper()).answers
    assert PATH in answers[1].details
    assert not model.cluster.tombstones
    assert not model.specs("n1")
    with pytest.raises(LinstorError) as caught:
        model.run(forced_ends.forget, uuid=stone.uuid)
    assert caught.value.code == Code.NOT_FOUND_TOMBSTONE


def test_what_waits_says_for_what() -> None:
    model = Model.with_nodes(1)
    define(model, "web")
    place(model, "web")

    def reasons() -> list[str]:
        call = Call(None, {"resource": "web", "node": "n1"})
        whole = msgspec.json.decode(msgspec.json.encode(definitions_shown.one(model.cluster, call)))
        part = msgspec.json.decode(msgspec.json.encode(resources_shown.one(model.cluster, call)))
        (viewed,) = msgspec.json.decode(b"".join(
            resources_shown.view(model.cluster, Call(None)).chunks))  # type: ignore[attr-defined]
        assert whole.get("blocked_by") == part.get("blocked_by") == viewed.get("blocked_by")
        return [each["reason"] for each in part.get("blocked_by", ())]

    assert reasons() == ["Its satellite has not answered the newest state yet."]
    model.answer(failures=(Failure("No space.", "The pool is full."),))
    assert reasons() == ["No space. The pool is full."]
    model.report("n1", [done(model.specs("n1")[0])])
    assert reasons() == []
    model.away("n1")
    assert reasons() == []
    model.run(resources.deactivate, resource="web", node="n1")
    assert reasons() == ["The node is not connected."]

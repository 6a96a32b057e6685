"""Registering storage pools, and what their satellites say of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import structs

from linstor_core.controller.call import Call
from linstor_core.controller.change import Change
from linstor_core.controller.operations import reports, storage_pool_definitions, storage_pools
from linstor_core.controller.queries import storage_pools as views
from linstor_core.domain.cluster import pools_place
from linstor_core.domain.errors import AlreadyExists, Code, Conflict, InvalidInput, LinstorError, NotFound
from linstor_core.domain.observed import Failure, PoolSeen
from linstor_core.domain.resources import Resource, Volume
from linstor_core.domain.storage_pools import UNLIMITED_KIB, ProviderKind
from linstor_core.testing.builders import Model
from linstor_core.wire.node_report import Report
from linstor_core.wire.rest_bodies import PropsModify, StoragePoolCreate, StoragePoolDefinitionCreate


def body(name: str = "fast", kind: str = "FILE_THIN", **props: str) -> StoragePoolCreate:
    return StoragePoolCreate(storage_pool_name=name, provider_kind=kind,
                             props=props or {"StorDriver/FileDir": "/srv/pool"})


def create(model: Model, given: StoragePoolCreate, node: str = "n1") -> Change:
    return model.run(storage_pools.create, given, node=node)


def look(model: Model, name: str = "fast", failures: tuple[Failure, ...] = (), generation: int | None = None) -> None:
    current = model.cluster.generations[pools_place("N1")]
    seen = PoolSeen(name, "n1", current if generation is None else generation, 0 if failures else 50,
                    0 if failures else 100, True, failures)
    model._take(reports.reported("n1", Report(pools=(seen,)))(model.cluster, model.context))


def test_the_answer_waits_until_the_satellite_has_looked_at_this_very_pool() -> None:
    model = Model.with_nodes(1)
    change = create(model, body())
    assert model.entries(change) is None
    look(model, generation=model.cluster.generations[pools_place("N1")] - 1)
    assert model.entries(change) is None
    look(model)
    assert [(entry.code, entry.is_error) for entry in model.entries(change) or []] == [(1, False), (1, False),
                                                                                      (3, False)]


def test_the_directory_is_kept_under_the_name_that_linstor_uses() -> None:
    model = Model.with_nodes(1)
    create(model, body())
    assert model.cluster.storage_pools["N1", "FAST"].props == {
        "StorDriver/StorPoolName": "/srv/pool", "StorDriver/internal/AllocationGranularity": "1"}
    assert "FAST" in model.cluster.storage_pool_definitions


def test_a_faulty_pool_stays_registered_and_says_why() -> None:
    model = Model.with_nodes(1)
    change = create(model, body())
    look(model, failures=(Failure("No such directory.", "It was looked for.", "Create it."),))
    codes = [entry.code for entry in model.entries(change) or [] if entry.is_error]
    assert codes == [Code.STOR_POOL_CONFIGURATION, Code.UNKNOWN_ERROR]
    shown = views._shown(model.cluster.storage_pools["N1", "FAST"], model.cluster.pools_seen["N1", "FAST"])
    assert (shown.free_capacity, shown.total_capacity) == (0, 0)
    assert shown.reports[0].cause == "It was looked for."
    assert shown.reports[0].created_at


def test_a_pool_of_an_absent_node_is_told_later() -> None:
    model = Model.with_nodes(1)
    model.away("n1")
    change = create(model, body())
    assert change.outcome is None
    assert change.answers[-1].code == storage_pools.WARN_NOT_CONNECTED


def test_a_link_that_breaks_ends_the_wait() -> None:
    model = Model.with_nodes(1)
    change = create(model, body())
    model.away("n1")
    assert (model.entries(change) or [])[-1].code == storage_pools.WARN_NOT_CONNECTED


@pytest.mark.parametrize(("given", "refusal", "code"), [
    (body("thin"), AlreadyExists, Code.EXISTS_STOR_POOL),
    (body("ab"), InvalidInput, Code.INVLD_STOR_POOL_NAME),
    (body(kind="NOKIND"), InvalidInput, Code.INVLD_LAYER_KIND),
    (body(kind="ZFS"), Conflict, Code.PROVIDER_UNSUPPORTED),
    (body(**{"Nonsense": "1"}), InvalidInput, Code.INVLD_PROP),
])
def test_what_no_pool_can_be(given: StoragePoolCreate, refusal: type[LinstorError], code: Code) -> None:
    model = Model.with_nodes(1)
    before = model.cluster
    with pytest.raises(refusal) as found:
        create(model, given)
    assert found.value.code == code
    assert model.cluster is before


def test_a_diskless_pool_needs_no_satellite() -> None:
    model = Model.with_nodes(1)
    assert create(model, body("nothing", "DISKLESS")).outcome is None
    shown = views._shown(model.cluster.storage_pools["N1", "NOTHING"], None)
    assert shown.free_capacity == UNLIMITED_KIB
    assert shown.static_traits == {"SupportsSnapshots": "false"}


def test_changed_properties_are_looked_at_again() -> None:
    model = Model.with_nodes(1)
    change = model.run(storage_pools.modify, PropsModify({"MaxOversubscriptionRatio": "5"}), node="n1", pool="thin")
    assert model.entries(change) is None
    look(model, "thin")
    assert [entry.is_error for entry in model.entries(change) or []] == [False, False, False]
    with pytest.raises(NotFound) as refusal:
        model.run(storage_pools.modify, PropsModify(), node="n1", pool="nope")
    assert refusal.value.code == Code.NOT_FOUND_STOR_POOL_DFN


def test_a_pool_with_volumes_is_not_deleted() -> None:
    model = Model.with_nodes(1)
    model.put(Resource("u1", "data", "n1", volumes=(Volume("u2", 0, "THIN", "data_00000", "d1"),)))
    with pytest.raises(Conflict) as refusal:
        model.run(storage_pools.delete, node="n1", pool="thin")
    assert refusal.value.details == "data"


def test_the_name_goes_with_the_last_pool() -> None:
    model = Model.with_nodes(2)
    with pytest.raises(Conflict):
        model.run(storage_pool_definitions.delete, pool="thin")
    model.run(storage_pools.delete, node="n1", pool="thin")
    assert "THIN" in model.cluster.storage_pool_definitions
    model.run(storage_pools.delete, node="n2", pool="thin")
    assert "THIN" not in model.cluster.storage_pool_definitions
    assert [e.code for e in model.run(storage_pools.delete, node="n2", pool="thin").answers] == [3000]
    with pytest.raises(InvalidInput):
        model.run(storage_pools.delete, node="n2", pool="DfltDisklessStorPool")


def test_a_name_with_properties_stays_without_pools() -> None:
    model = Model.with_nodes(1)
    model.run(storage_pool_definitions.create, StoragePoolDefinitionCreate(storage_pool_name="slow"))
    with pytest.raises(AlreadyExists):
        model.run(storage_pool_definitions.create, StoragePoolDefinitionCreate(storage_pool_name="SLOW"))
    model.run(storage_pool_definitions.modify, PropsModify({"MaxOversubscriptionRatio": "2"}), pool="thin")
    model.run(storage_pools.delete, node="n1", pool="thin")
    assert model.cluster.storage_pool_definitions["THIN"].props == {"MaxOversubscriptionRatio": "2"}
    model.run(storage_pool_definitions.delete, pool="thin")
    with pytest.raises(NotFound):
        model.run(storage_pool_definitions.delete, pool="thin")


def test_pools_are_listed_by_name_and_then_node() -> None:
    model = Model.with_nodes(2)
    create(model, body("fast"))

    def listed(**query: list[str]) -> list[tuple[str, str]]:
        chunks = views.view(model.cluster, Call(None, query=query)).chunks  # type: ignore[attr-defined]
        rows: list[dict[str, Any]] = msgspec.json.decode(b"".join(chunks))
        return [(row["storage_pool_name"], row["node_name"]) for row in rows]

    assert listed() == [("fast", "n1"), ("thin", "n1"), ("thin", "n2")]
    assert listed(nodes=["N2"]) == [("thin", "n2")]
    assert listed(storage_pools=["FAST", "other"]) == [("fast", "n1")]
    assert listed(limit=["1"], offset=["1"]) == [("thin", "n1")]
    with pytest.raises(NotFound):
        listed(nodes=["nobody"])


def test_a_view_follows_what_is_reported() -> None:
    model = Model.with_nodes(1)
    call: Call[Any] = Call(None)
    first = b"".join(views.view(model.cluster, call).chunks)  # type: ignore[attr-defined]
    seen = model.cluster.pools_seen["N1", "THIN"]
    model.put(structs.replace(seen, free_kib=7))
    second = b"".join(views.view(model.cluster, call).chunks)  # type: ignore[attr-defined]
    assert first != second
    assert b'"free_capacity":7' in second


@pytest.mark.parametrize(("kind", "props", "name"), [
    (ProviderKind.LVM_THIN, {"StorDriver/LvmVg": "vg", "StorDriver/ThinPool": "tp"}, "vg/tp"),
    (ProviderKind.ZFS_THIN, {"StorDriver/ZPoolThin": "tank/a"}, "tank/a"),
    (ProviderKind.LVM, {"StorDriver/StorPoolName": "vg"}, "vg"),
])
def test_older_properties_name_the_pool_too(kind: ProviderKind, props: dict[str, str], name: str) -> None:
    assert storage_pools.stored_props(kind, props)["StorDriver/StorPoolName"] == name


@pytest.mark.parametrize("key", ["StorDriver/FileDir", "StorDriver/StorPoolName"])
def test_a_directory_may_have_any_path(key: str) -> None:
    model = Model.with_nodes(1)
    create(model, body(**{key: "/srv/pool.d/fast one"}))
    assert model.cluster.storage_pools["N1", "FAST"].props["StorDriver/StorPoolName"] == "/srv/pool.d/fast one"
    model.run(storage_pools.modify, PropsModify({key: "/srv/pool.e"}), node="n1", pool="fast")
    assert model.cluster.storage_pools["N1", "FAST"].props["StorDriver/StorPoolName"] == "/srv/pool.e"
    assert "StorDriver/FileDir" not in model.cluster.storage_pools["N1", "FAST"].props


def test_a_pool_with_volumes_is_not_moved() -> None:
    model = Model.with_nodes(1)
    create(model, body())
    model.put(Resource("u1", "data", "n1", volumes=(Volume("u2", 0, "fast", "data_00000", "d1"),)))
    for refused in (PropsModify({"StorDriver/FileDir": "/elsewhere"}),
                    PropsModify(delete_props=("StorDriver/StorPoolName",))):
        with pytest.raises(Conflict) as refusal:
            model.run(storage_pools.modify, refused, node="n1", pool="fast")
        assert refusal.value.refs == {"Node": "n1", "StorPoolDfn": "fast"}
    model.run(storage_pools.modify, PropsModify({"StorDriver/FileDir": "/srv/pool", "Aux/a": "1"}), node="n1",
              pool="fast")
    assert model.cluster.storage_pools["N1", "FAST"].props["Aux/a"] == "1"

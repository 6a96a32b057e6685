"""Registering, changing, losing nodes, and their addresses."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from linstor_core.controller.call import Call
from linstor_core.controller.operations import net_interfaces, node_links, nodes, reports
from linstor_core.controller.queries import nodes as views
from linstor_core.domain.cluster import KINDS
from linstor_core.domain.errors import AlreadyExists, Code, Conflict, InvalidInput, LinstorError, NotFound
from linstor_core.domain.nodes import ConnectionStatus, NodeType
from linstor_core.domain.observed import ResourceSeen
from linstor_core.domain.resource_definitions import ResourceDefinition, VolumeDefinition
from linstor_core.domain.resources import Resource, Volume
from linstor_core.domain.snapshots import NodeSnapshot, Snapshot
from linstor_core.testing.builders import Model
from linstor_core.wire.node_report import HelloAnswer, Report
from linstor_core.wire.rest_bodies import NetInterfaceBody, NodeCreate, NodeEvacuate, NodeModify, NodeRestore
from linstor_core.wire.rest_v1 import NetInterface


def body(name: str = "alpha", **fields: Any) -> NodeCreate:
    interface = NetInterface(name="default", address="192.0.2.1", satellite_port=3366,
                             satellite_encryption_type="PLAIN")
    return NodeCreate(**{"name": name, "type": "SATELLITE", "net_interfaces": (interface,), **fields})


def with_interface(**fields: Any) -> NodeCreate:
    return body(net_interfaces=(structs.replace(body().net_interfaces[0], **fields),))


def seen(model: Model, status: ConnectionStatus, attempts: int) -> None:
    model._take(reports.link_broken("ALPHA", status, attempts)(model.cluster, model.context))


def holding(model: Model) -> Model:
    """A model whose node n1 holds a resource and a snapshot; the snapshot is on n2 too."""
    model.put(ResourceDefinition("u1", "data", "DfltRscGrp", volume_definitions=(VolumeDefinition("u2", 0, 1024),)),
              Resource("u3", "data", "n1", volumes=(Volume("u4", 0, "thin", "data_00000", "d1"),)),
              Snapshot("u5", "s1", "data", (), (NodeSnapshot("u6", "n1", ()), NodeSnapshot("u7", "n2", ()))),
              Snapshot("u8", "s2", "data", (), (NodeSnapshot("u9", "n1", ()),)))
    return model


def test_a_new_node_waits_for_its_satellite_and_gets_a_diskless_pool() -> None:
    model = Model()
    change = model.run(nodes.create, body())
    assert model.cluster.pool("ALPHA", "DfltDisklessStorPool") is not None
    assert model.entries(change) is None
    hello = HelloAnswer(1, "alpha.example", "1", ("DISKLESS", "FILE"), ("STORAGE",))
    model._take(reports.introduced("alpha", hello)(model.cluster, model.context))
    assert model.entries(change) is None
    model._take(reports.reported("alpha", Report(synced=1))(model.cluster, model.context))
    assert [entry.code for entry in model.entries(change) or []] == [1, node_links.SATELLITE_CONNECTED]


def test_a_node_out_of_reach_is_registered_with_a_warning() -> None:
    model = Model()
    change = model.run(nodes.create, body())
    seen(model, ConnectionStatus.OFFLINE, 1)
    assert [entry.code for entry in model.entries(change) or []] == [1, node_links.WARN_NOT_CONNECTED]
    shown = views._shown(model.cluster.nodes["ALPHA"], model.cluster.nodes_seen["ALPHA"], model.cluster.controller)
    assert shown.connection_status == "OFFLINE"
    assert shown.eviction_timestamp is not None


def test_a_node_without_a_satellite_waits_for_nothing() -> None:
    change = Model().run(nodes.create, body(type="auxiliary"))
    assert change.outcome is None
    assert change.puts[0].type is NodeType.AUXILIARY  # type: ignore[attr-defined]


@pytest.mark.parametrize(("refused", "code"), [
    (body(net_interfaces=()), Code.MISSING_NETCOM),
    (body("not valid"), Code.INVLD_NODE_NAME),
    (body(type="WHATEVER"), Code.INVLD_NODE_TYPE),
    (body(type="REMOTE_SPDK"), Code.UNKNOWN_ERROR),
    (with_interface(address="host.example"), Code.INVLD_NET_ADDR),
    (with_interface(satellite_port=None), Code.MISSING_STLT_CONN),
    (with_interface(satellite_port=70000), Code.INVLD_NET_PORT),
    (with_interface(satellite_encryption_type="ROT13"), Code.INVLD_NET_TYPE),
    (body(props={"PrefNic": "other"}), Code.INVLD_PROP),
    (body(props={"Nonsense": "1"}), Code.INVLD_PROP),
])
def test_what_no_node_can_be(refused: NodeCreate, code: Code) -> None:
    with pytest.raises(InvalidInput) as refusal:
        Model().run(nodes.create, refused)
    assert refusal.value.code == code
    assert refusal.value.refs == {"Node": refused.name}


def test_names_are_taken_without_regard_to_case() -> None:
    model = Model.with_nodes(1)
    with pytest.raises(AlreadyExists):
        model.run(nodes.create, body("N1"))


def test_properties_and_type_change() -> None:
    model = Model.with_nodes(1)
    model.run(nodes.modify, NodeModify({"Aux/site": "b"}, node_type="Combined"), node="N1")
    assert model.cluster.nodes["N1"].props == {"Aux/site": "b"}
    assert model.cluster.nodes["N1"].type is NodeType.COMBINED
    with pytest.raises(Conflict):
        model.run(nodes.modify, NodeModify(node_type="Controller"), node="n1")


def test_a_node_with_data_is_not_deleted() -> None:
    model = holding(Model.with_nodes(2))
    for name in ("n1", "n2"):
        with pytest.raises(Conflict) as refusal:
            model.run(nodes.delete, node=name)
        assert refusal.value.code == Code.IN_USE
        assert "data" in refusal.value.details


def test_a_deleted_node_leaves_nothing_behind() -> None:
    model = Model.with_nodes(2)
    assert [entry.code for entry in model.run(nodes.delete, node="n1").answers] == [2]
    for kind in KINDS.values():
        if kind.attribute not in ("controller", "master_key"):
            assert not [key for key in getattr(model.cluster, kind.attribute) if "N1" in key], kind.name
    assert [entry.code for entry in model.run(nodes.delete, node="n1").answers] == [3000]


def test_a_connected_node_is_not_lost() -> None:
    with pytest.raises(Conflict):
        holding(Model.with_nodes(2)).run(nodes.lose, node="n1")


def test_a_lost_node_takes_its_replicas_but_not_those_of_others() -> None:
    model = holding(Model.with_nodes(2))
    model.away("n1")
    model.run(nodes.lose, node="n1")
    assert model.cluster.node("n1") is None
    assert not model.cluster.resources
    assert model.cluster.definition("data") is not None
    assert [part.node_name for part in model.cluster.snapshots["DATA", "S1"].nodes] == ["n2"]
    assert model.cluster.snapshot("data", "s2") is None
    assert not [place for place in model.cluster.generations if place[1] == "N1" and place[0]]


def test_nothing_is_kept_of_what_was_seen_on_a_lost_node() -> None:
    model = holding(Model.with_nodes(2))
    model.report("n1", [ResourceSeen("data", "n1", model.cluster.generations["DATA", "N1"])])
    model.cluster = model.cluster.with_documents((), ((Resource, ("DATA", "N1")),))  # its snapshots are left there
    model.away("n1")
    model.run(nodes.lose, node="n1")
    assert not model.cluster.resources_seen


def test_a_satellite_that_greets_for_a_node_which_is_gone_leaves_nothing() -> None:
    model = Model()
    change = reports.introduced("n1", HelloAnswer(1, "n1.example", "1"))(model.cluster, model.context)
    assert not change.puts


def test_evacuating_marks_the_node_and_names_what_has_to_move() -> None:
    model = holding(Model.with_nodes(2))
    change = model.run(node_links.evacuate, NodeEvacuate(), node="n1")
    started, hindered = change.answers
    assert started.obj_refs["Job"] in model.cluster.live_jobs
    assert hindered.obj_refs["RscDfn"] == "data" and "snapshot" in hindered.cause
    assert model.cluster.nodes["N1"].flags == ("EVACUATE",)
    model.run(node_links.restore, NodeRestore(), node="n1")
    assert model.cluster.nodes["N1"].flags == ()
    assert model.run(node_links.restore, NodeRestore(), node="n1").answers[0].is_error


def test_addresses_are_added_changed_and_removed() -> None:
    model = Model.with_nodes(1)
    model.run(net_interfaces.create, NetInterfaceBody(name="storage", address="2001:DB8::1"), node="n1")
    with pytest.raises(AlreadyExists):
        model.run(net_interfaces.create, NetInterfaceBody(name="Storage", address="192.0.2.7"), node="n1")
    with pytest.raises(Conflict):
        model.run(net_interfaces.modify, NetInterfaceBody(is_active=True), node="n1", interface="storage")
    model.run(net_interfaces.modify, NetInterfaceBody(is_active=True, satellite_port=3366), node="n1",
              interface="STORAGE")
    found = model.cluster.nodes["N1"]
    assert found.active_interface == "storage"
    assert found.net_interfaces[1].address == "2001:db8::1"
    assert found.net_interfaces[1].satellite_encryption_type == "PLAIN"
    with pytest.raises(Conflict):
        model.run(net_interfaces.delete, node="n1", interface="storage")
    model.run(net_interfaces.delete, node="n1", interface="default")
    assert [part.name for part in model.cluster.nodes["N1"].net_interfaces] == ["storage"]
    assert [e.code for e in model.run(net_interfaces.delete, node="n1", interface="default").answers] == [3000]


def test_a_refused_address_changes_nothing() -> None:
    model = Model.with_nodes(1)
    before = model.cluster
    for refused, code in ((NetInterfaceBody(name="x", address="192.0.2.7"), Code.INVLD_NET_NAME),
                          (NetInterfaceBody(name="storage", address="nowhere"), Code.INVLD_NET_ADDR)):
        with pytest.raises(LinstorError) as refusal:
            model.run(net_interfaces.create, refused, node="n1")
        assert refusal.value.code == code
    assert model.cluster is before


def test_lists_are_filtered_by_name_and_property() -> None:
    model = Model.with_nodes(3)
    model.run(nodes.modify, NodeModify({"Aux/Zone": "B"}), node="n2")

    def names(**query: list[str]) -> bytes:
        return b"".join(views.list_nodes(model.cluster, Call(None, query=query)).chunks)  # type: ignore[attr-defined]

    assert names().count(b'"connection_status"') == 3
    assert names(nodes=["N3", "nobody"]).count(b'"name":"n3"') == 1
    assert names(props=["aux/zone=b"]).count(b'"connection_status"') == 1
    assert names(props=["Aux/Zone=c"]) == b"[]"
    assert names(limit=["1"], offset=["1"]).count(b'"name":"n2"') == 1


def test_a_node_that_is_not_there_is_refused_bare() -> None:
    with pytest.raises(NotFound) as refusal:
        views.show_node(Model().cluster, Call(None, {"node": "nobody"}))
    assert refusal.value.bare

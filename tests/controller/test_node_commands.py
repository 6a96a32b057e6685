"""What nodes are asked to do: releasing, evicting, and the commands that no satellite runs."""

from __future__ import annotations

from typing import Any

import pytest

from linstor_core.controller.call import Call, Content
from linstor_core.controller.operations import node_commands, node_links, release, resources
from linstor_core.controller.queries import size_info
from linstor_core.domain.errors import Code, Conflict, InvalidInput, LinstorError, NotFound
from linstor_core.domain.resource_definitions import ResourceDefinition
from linstor_core.domain.resources import Resource
from linstor_core.testing.builders import Model
from linstor_core.wire.rest_bodies import MaxVolumeSizeQuery, NodeRestore, ToggleDisk


def placed() -> Model:
    model = Model.with_nodes(3)
    model.put(ResourceDefinition("d", "data", "DfltRscGrp"), Resource("r1", "data", "n1"),
              Resource("r2", "data", "n2", flags=("DISKLESS", "DRBD_DISKLESS")))
    return model


def test_releasing_takes_an_access_away_and_no_data() -> None:
    model = placed()
    model.run(release.unmake_available, resource="data", node="n2")
    left = model.cluster.resource("data", "n2")
    assert left is None or left.is_deleting
    again = model.run(release.unmake_available, resource="data", node="n2")
    assert not again.puts and [entry.code for entry in again.answers] == [3]
    for node in ("n1", "n3"):
        change = model.run(release.unmake_available, resource="data", node=node)
        assert not change.puts and [entry.code for entry in change.answers] == [3]
    assert model.cluster.resources["DATA", "N1"].flags == ()


def test_a_tie_breaker_is_not_released() -> None:
    model = placed()
    model.put(Resource("r3", "data", "n3", flags=("DISKLESS", "DRBD_DISKLESS", "TIE_BREAKER")))
    assert not model.run(release.unmake_available, resource="data", node="n3").puts


def test_releasing_what_nobody_knows() -> None:
    for path, code in (({"resource": "none", "node": "n1"}, Code.NOT_FOUND_RSC_DFN),
                       ({"resource": "data", "node": "none"}, Code.NOT_FOUND_NODE)):
        with pytest.raises(NotFound) as refusal:
            placed().run(release.unmake_available, **path)
        assert refusal.value.code == code


def test_only_a_node_out_of_reach_is_evicted_and_it_can_come_back() -> None:
    model = placed()
    with pytest.raises(Conflict) as refusal:
        model.run(node_links.evict, node="n1")
    assert refusal.value.code == Code.IN_USE
    model.away("n1")
    answers = model.run(node_links.evict, node="n1").answers
    assert [entry.code for entry in answers] == [3, 1002]
    model.run(node_links.evict, node="n1")
    assert model.cluster.nodes["N1"].flags == ("EVICTED",)
    model.run(node_links.restore, NodeRestore(), node="n1")
    assert model.cluster.nodes["N1"].flags == ()


def test_drbd_reactor_is_not_driven() -> None:
    cluster = Model.with_nodes(1).cluster
    empty = node_commands.run_reactorctl(cluster, Call({}))
    assert isinstance(empty, Content)
    assert (empty.status, empty.body) == (400, b'{"error":"\'nodes\' must be a non-empty list"}')
    with pytest.raises(NotFound):
        node_commands.run_reactorctl(cluster, Call({"nodes": ["none"]}))
    with pytest.raises(Conflict) as refusal:
        node_commands.run_reactorctl(cluster, Call({"nodes": ["n1"], "args": []}))
    assert refusal.value.code == Code.LAYER_UNSUPPORTED and refusal.value.correction


@pytest.mark.parametrize(("body", "node", "code"), [
    (ToggleDisk(operation="INTO_DRBD_DISKFUL"), "n1", Code.LAYER_UNSUPPORTED),
    (ToggleDisk(operation="INTO_GLASS"), "n1", Code.INVLD_REQUEST),
    (ToggleDisk(operation="INTO_DRBD_DISKFUL", migrate_from="none"), "n1", Code.NOT_FOUND_NODE),
    (ToggleDisk(operation="INTO_DRBD_CLIENT"), "n3", Code.NOT_FOUND_RSC),
])
def test_disks_stay_where_they_are_below_storage_alone(body: ToggleDisk, node: str, code: Code) -> None:
    with pytest.raises(LinstorError) as refusal:
        placed().run(resources.toggle_disk, body, resource="data", node=node)
    assert refusal.value.code == code


def test_the_largest_volume_for_a_filter_without_a_group() -> None:
    model = Model.with_nodes(2)
    found: Any = size_info.query_max_volume_size_for(model.cluster, Call(MaxVolumeSizeQuery(place_count=2)))
    assert [(each.storage_pool, each.node_names) for each in found.candidates] == [("thin", ("n1", "n2"))]
    with pytest.raises(LinstorError) as refusal:
        size_info.query_max_volume_size_for(model.cluster, Call(MaxVolumeSizeQuery(place_count=3)))
    assert refusal.value.code == Code.NOT_ENOUGH_NODES and refusal.value.bare
    with pytest.raises(InvalidInput):
        size_info.query_max_volume_size_for(model.cluster, Call(MaxVolumeSizeQuery(place_count=0)))

"""VolumeService where nodes differ: wishes for a place, a node that is away, a window that outlives a controller."""

from __future__ import annotations

import time

import pytest

from linstor_core.client.errors import NotEnoughNodes
from linstor_core.client.volume_placing import PLACING
from linstor_core.domain.resource_groups import AutoSelectFilter
from linstor_core.wire import rest_bodies as bodies
from tests.plugins.two_nodes import ALPHA, BETA, GROUP, TwoNodes, wait_until

SIZE_KIB = 8 * 1024


def test_a_new_volume_is_where_it_was_wished_for(two_nodes: TwoNodes) -> None:
    service = two_nodes.service
    assert set(service.create("both", GROUP, SIZE_KIB, preferred_node=BETA).nodes) == {ALPHA, BETA}
    two_nodes.set_replicas(1)
    for number, node in enumerate((ALPHA, BETA, ALPHA, BETA.upper())):
        volume = service.create(f"one{number}", GROUP, SIZE_KIB, {"Aux/a": "1"}, preferred_node=node)
        assert [each.upper() for each in volume.nodes] == [node.upper()]
        assert volume.devices
    assert service.create("one0", GROUP, SIZE_KIB, preferred_node=BETA).nodes == (ALPHA,), "it is there already"
    assert service.create("stranger", GROUP, SIZE_KIB, preferred_node="stranger").nodes
    two_nodes.client.modify_resource_group(GROUP, bodies.ResourceGroupModify(
        select_filter=AutoSelectFilter(node_name_list=(BETA,))))
    assert service.create("ruled", GROUP, SIZE_KIB, preferred_node=ALPHA).nodes == (BETA,), "rules are no wishes"


def test_a_wish_is_no_condition(two_nodes: TwoNodes) -> None:
    service, client = two_nodes.service, two_nodes.client
    spawn = bodies.ResourceGroupSpawn(resource_definition_name="half", volume_sizes=(SIZE_KIB,), definitions_only=True,
                                      resource_definition_props={PLACING: ALPHA})
    client.spawn(GROUP, spawn)
    client.auto_place("half", bodies.AutoPlace(select_filter=AutoSelectFilter(place_count=1)))
    completed = service.create("half", GROUP, SIZE_KIB, preferred_node=ALPHA)
    assert (set(completed.nodes), PLACING in completed.props) == ({ALPHA, BETA}, False)
    two_nodes.set_replicas(3)
    with pytest.raises(NotEnoughNodes):
        service.create("three", GROUP, SIZE_KIB, preferred_node=ALPHA)
    assert service.find("three") is None
    assert set(service.create("half", GROUP, SIZE_KIB, preferred_node=ALPHA).nodes) == {ALPHA, BETA}, "it has data"
    two_nodes.set_replicas(1)
    two_nodes.lose(BETA)
    assert service.create("away", GROUP, SIZE_KIB, preferred_node=BETA).nodes == (ALPHA,)


def test_a_deleted_volumes_name_is_free_though_a_node_is_away(two_nodes: TwoNodes) -> None:
    service, client = two_nodes.service, two_nodes.client
    service.create("vol", GROUP, SIZE_KIB)
    service.create("keeps", GROUP, SIZE_KIB)
    service.snapshot("keeps", "s1")
    two_nodes.lose(BETA)
    service.delete("vol")
    service.delete("vol")
    assert service.find("vol") is None
    service.delete_snapshot("keeps", "s1")
    assert service.snapshots("keeps") == ()
    two_nodes.set_replicas(1)
    assert service.create("vol", GROUP, SIZE_KIB, preferred_node=BETA).nodes == (ALPHA,)
    left = {(stone.node_name, stone.resource_name) for stone in client.tombstones()}
    assert left == {(BETA, "vol"), (BETA, "keeps")}
    service.delete("vol")


def test_a_window_outlives_its_controller_and_ends_by_itself(two_nodes: TwoNodes) -> None:
    service, client = two_nodes.service, two_nodes.client
    service.create("vol", GROUP, SIZE_KIB)
    opened = service.open_migration_window("vol", ALPHA, BETA, lease_s=600)
    two_nodes.kill_controller()
    two_nodes.start_controller()
    window = client.migration_window("vol", ALPHA, BETA)
    assert (window.open, window.expires_ms) == (True, opened.expires_ms)
    service.close_migration_window("vol", ALPHA, BETA)
    assert not client.migration_window("vol", ALPHA, BETA).open

    lease_ends = service.open_migration_window("vol", ALPHA, BETA, lease_s=2).expires_ms
    two_nodes.kill_controller()
    wait_until(lambda: time.time_ns() // 1_000_000 > lease_ends)
    two_nodes.start_controller()
    wait_until(lambda: not client.migration_window("vol", ALPHA, BETA).open)
    service.close_migration_window("vol", ALPHA, BETA)

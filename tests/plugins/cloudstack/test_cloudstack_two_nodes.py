"""Report, repair and what-if with two nodes, and with one of them away."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from linstor_cloudstack import repair
from linstor_cloudstack.cloudstack_api import CloudStackApi
from linstor_cloudstack.repair import Reconciler

from tests.plugins.cloudstack.cloudstack_server import CloudStackServer
from tests.plugins.cloudstack.site import SIZE_KIB, Site
from tests.plugins.two_nodes import ALPHA, BETA, TwoNodes


@pytest.fixture
def site(two_nodes: TwoNodes, server: CloudStackServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Site:
    def captured() -> tuple[str, str]:
        found = capsys.readouterr()
        return found.out, found.err

    made = Site(two_nodes.controller, server, tmp_path, captured)
    made.cloud.hosts += [{"id": f"host-{name}", "name": name, "state": "Up", "hypervisor": "KVM", "zoneid": "zone-1",
                          "resourcestate": "Enabled", "clusterid": "cluster-1"} for name in (ALPHA, BETA)]
    return made


def nodes_of(site: Site, name: str) -> set[str]:
    return set(site.service.get(name).nodes)


def test_what_lacks_is_placed_and_grown_on_both(site: Site) -> None:
    storage = site.register()
    lacking, small, good = ("cs-" + site.new_volume(storage)["id"] for _ in range(3))
    assert site.kinds() == []
    site.client.delete_resource(lacking, BETA)
    site.cloud.volumes[1]["size"] = 2 * SIZE_KIB * 1024
    assert site.kinds() == [("replicas", lacking), ("size", small)]
    assert [(effect["volume"], effect["kind"]) for effect in site.json("host", "what-if", ALPHA)] == [
        (lacking, "unavailable"), *sorted((name, "last-copy") for name in (small, good))]
    assert site.run("host", "drain", ALPHA) == 1
    assert lacking in site.errors and good not in site.errors

    assert site.run("repair", "--kind", "replicas", "--kind", "size") == 0, site.output
    assert site.kinds() == []
    assert nodes_of(site, lacking) == {ALPHA, BETA}
    assert site.service.get(small).size_kib == 2 * SIZE_KIB
    assert site.service.get(good).size_kib == SIZE_KIB
    assert site.run("host", "drain", ALPHA) == 0


def test_a_node_that_is_away_is_told_and_nothing_is_made_worse(site: Site, two_nodes: TwoNodes, api: CloudStackApi
                                                              ) -> None:
    storage = site.register()
    lacking, whole = ("cs-" + site.new_volume(storage)["id"] for _ in range(2))
    site.service.create("cs-orphan", "grp", SIZE_KIB)
    site.client.delete_resource(lacking, BETA)
    two_nodes.lose(BETA)
    assert site.kinds() == sorted([("replica-fault", whole), ("replicas", lacking), ("volume-orphan", "cs-orphan")])
    assert {effect["kind"] for effect in site.json("host", "what-if", ALPHA)} == {"unavailable"}
    assert site.run("host", "drain", ALPHA) == 1
    assert site.cloud.made("prepareHostForMaintenance") == []

    assert site.run("repair", "--kind", "replicas", "--kind", "replica-fault") == 1
    assert f"place {lacking}: " in site.output
    assert (nodes_of(site, lacking), nodes_of(site, whole)) == ({ALPHA}, {ALPHA, BETA})

    after = Reconciler(api, site.service, {site.cluster.url}, lambda: time.time_ns() // 1_000_000 + repair.YOUNG_MS)
    assert [outcome.error for outcome in after.repair(lambda _: False, ["cs-orphan"])] == [""]
    assert ("volume-orphan", "cs-orphan") not in site.kinds(), "what is left on the node is a tombstone, no orphan"
    assert [stone.resource_name for stone in site.client.tombstones([BETA])] == ["cs-orphan"]

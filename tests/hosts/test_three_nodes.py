"""Three machines do what three machines have to, and come back from everything that happens to machines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from three_hosts import NODES, SIZE_KIB, ThreeHosts, until, word_of, write

from tools import processes


@pytest.fixture(autouse=True)
def left_as_found(site: ThreeHosts) -> Iterator[None]:
    """Every test begins and ends with nothing there, and with everything running."""
    yield
    for name in site.names():
        site.delete(name)
    site.settle()


def test_volumes_on_two_and_three_nodes_live_and_die(site: ThreeHosts) -> None:
    site.call("POST", "/v1/resource-groups", {"name": "grp", "select_filter": {
        "storage_pool": "thin", "layer_stack": ["STORAGE"]}})
    site.call("POST", "/v1/resource-groups/grp/volume-groups", {})
    for count in (2, 3):
        site.call("POST", "/v1/resource-groups/grp/spawn", {
            "resource_definition_name": f"of{count}", "volume_sizes": [SIZE_KIB],
            "select_filter": {"place_count": count}})
    places = [(found["name"], found["node_name"]) for found in site.get("/v1/view/resources")]
    assert sorted(name for name, _ in places) == ["of2", "of2", "of3", "of3", "of3"]
    assert {node for name, node in places if name == "of3"} == set(NODES)
    for name, node in places:
        site.write(name, node, f"{name} on {node}")

    for name in ("of2", "of3"):
        site.call("POST", f"/v1/resource-definitions/{name}/snapshots", {"name": "snap"})
        site.call("PUT", f"/v1/resource-definitions/{name}/volume-definitions/0", {"size_kib": 2 * SIZE_KIB})
    site.settle()
    for name, node in places:
        assert site.holds(name, node) == f"{name} on {node}"
        assert processes.run(["blockdev", "--getsize64", site.device(name, node)]).strip() == str(2 * SIZE_KIB * 1024)
        write(site.device(name, node), "later")
    for name in ("of2", "of3"):
        site.call("POST", f"/v1/resource-definitions/{name}/snapshot-rollback/snap", {})
    site.settle()
    assert {site.holds(name, node) for name, node in places} == {f"{name} on {node}" for name, node in places}
    for name in ("of2", "of3"):
        site.delete(name)
    site.settle()
    site.call("DELETE", "/v1/resource-groups/grp")


def test_volumes_are_there_whoever_is_killed_and_whatever_reboots(site: ThreeHosts) -> None:
    site.create("data", *NODES)
    for node in NODES:
        site.write("data", node, f"before on {node}")
    site.call("POST", "/v1/resource-definitions/data/snapshots", {"name": "snap"})
    before = site.picture()

    device = site.device("data", "alpha")
    site.kill_satellite("alpha")
    write(device, "without a satellite")
    site.start_satellite("alpha")
    site.wait_online("alpha")
    assert site.device("data", "alpha") == device
    assert site.holds("data", "alpha") == "without a satellite"

    site.kill_controller()
    for node in ("beta", "gamma"):
        site.reboot(node)
        assert site.hosts[node].volume_devices() == []
        site.start_satellite(node)
    for node in ("beta", "gamma"):
        host = site.hosts[node]
        until(lambda host=host: len(host.volume_devices()) == 1, f"{node} to bring its volume back by itself")
        assert word_of(host.volume_devices()[0].path) == f"before on {node}"
        write(host.volume_devices()[0].path, "without a controller")
    site.start_controller()
    site.settle()
    assert site.picture() == before
    assert [site.holds("data", node) for node in NODES] == [
        "without a satellite", "without a controller", "without a controller"]

"""Three machines do what three machines have to, and come back from everything that happens to machines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from three_hosts import NODES, SIZE_KIB, ThreeHosts, files_on, until, word_of, write

from tools import processes
from tools.rest import RestRefused


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


def test_what_is_moved_or_evacuated_keeps_its_content(site: ThreeHosts) -> None:
    for number in range(4):
        site.create(f"data{number}", "gamma")
        site.write(f"data{number}", "gamma", f"content {number}")
    site.call("POST", "/v1/resource-definitions/data0/resources/gamma/move", {"target_node": "alpha"})
    site.settle()
    assert site.holds("data0", "alpha") == "content 0"
    site.call("PUT", "/v1/nodes/gamma/evacuate", {})
    # Half-way through, the node that takes part of it dies, and the controller.
    site.kill_satellite("beta")
    site.kill_controller()
    site.start_satellite("beta")
    site.start_controller()
    until(lambda: _nodes(site, "gamma") == [], "gamma to be empty")
    until(lambda: {job["state"] for job in site.get("/v1/jobs") if job["kind"] == "EVACUATE"} == {"DONE"},
          "the evacuation to be over")
    site.settle()
    assert files_on(site.hosts["gamma"])[0] == {}
    assert sorted(site.holds(name, node) for name, node in _nodes(site, "alpha", "beta")) == [
        f"content {number}" for number in range(4)]
    site.call("PUT", "/v1/nodes/gamma/restore", {})
    site.create("back", "gamma")


def test_a_lost_node_that_returns_is_a_stranger_with_its_data(site: ThreeHosts) -> None:
    site.create("data", "beta", "gamma")
    site.write("data", "gamma", "what was on gamma")
    site.call("POST", "/v1/resource-definitions/data/snapshots", {"name": "snap"})
    site.kill_satellite("gamma")
    site.wait_away("gamma")
    held = files_on(site.hosts["gamma"])[0]
    device = site.hosts["gamma"].volume_devices()[0].path

    site.call("DELETE", "/v1/nodes/gamma/lost")
    assert _nodes(site, "gamma") == []
    site.settle()
    site.start_satellite("gamma")
    site.register("gamma")
    site.make_pool("gamma")
    # With the pool, not when it is looked through the next time.
    until(lambda: len(site.orphans("gamma")) == 2, "the volume and its snapshot to be shown as orphans", 15)
    assert files_on(site.hosts["gamma"])[0] == held
    assert word_of(device) == "what was on gamma"

    site.create("other", "gamma")
    site.write("other", "gamma", "new content")
    assert site.place("data", "gamma")
    assert word_of(device) == "what was on gamma"
    volume, snapshot = sorted(site.orphans("gamma"), key=lambda orphan: str(orphan["path"]))
    site.call("POST", "/v1/orphans/adopt", {"node_name": "gamma", "path": volume["path"], "resource_name": "found"})
    site.call("POST", "/v1/orphans/remove", {"node_name": "gamma", "path": snapshot["path"],
                                             "data_id": snapshot["data_id"]})
    site.settle()
    assert site.holds("found", "gamma") == "what was on gamma"
    assert site.holds("other", "gamma") == "new content"
    assert site.holds("data", "gamma") == ""


def test_a_node_that_was_deleted_joins_again_under_its_name(site: ThreeHosts) -> None:
    site.create("data", "alpha", "beta")
    with pytest.raises(RestRefused, match="holds resources"):
        site.call("DELETE", "/v1/nodes/beta")
    site.call("DELETE", "/v1/resource-definitions/data/resources/beta")
    site.call("DELETE", "/v1/nodes/beta/storage-pools/thin")
    site.call("DELETE", "/v1/nodes/beta")
    assert "beta" not in {node["name"] for node in site.get("/v1/nodes")}
    site.register("beta")
    site.make_pool("beta")
    site.place("data", "beta")
    site.write("data", "beta", "as before")
    site.settle()


def _nodes(site: ThreeHosts, *nodes: str) -> list[tuple[str, str]]:
    """(resource, node) of everything on these nodes."""
    return [(found["name"], found["node_name"]) for found in site.get("/v1/view/resources")
            if found["node_name"] in nodes]

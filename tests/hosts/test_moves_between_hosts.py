"""Content moves between real machines: whoever is killed or cut off meanwhile, it is where the model says, whole."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from three_hosts import SIZE_KIB, ThreeHosts, until

from tools.rest import RestRefused

IN_USE = 997
FINAL = ("DONE", "FAILED", "CANCELLED")


@pytest.fixture(autouse=True)
def left_as_found(site: ThreeHosts) -> Iterator[None]:
    """Every test begins and ends with nothing there, and with everything running."""
    yield
    for name in site.names():
        site.delete(name)
    site.settle()


def moved(site: ThreeHosts, name: str, node: str, **target: str) -> str:
    answer = site.call("POST", f"/v1/resource-definitions/{name}/resources/{node}/move", target)
    return str(answer[0]["obj_refs"]["Job"])


def job(site: ThreeHosts, uuid: str) -> Any:
    return site.get(f"/v1/jobs/{uuid}")


def over(site: ThreeHosts, uuid: str) -> str:
    """Waits for its end."""
    try:
        until(lambda: job(site, uuid)["state"] in FINAL, f"the end of {uuid}")
    except AssertionError as failure:
        raise AssertionError(f"{failure}\n{job(site, uuid)}") from failure
    return str(job(site, uuid)["state"])


def nodes_of(site: ThreeHosts, name: str) -> list[str]:
    return [found["node_name"] for found in site.get(f"/v1/resource-definitions/{name}/resources")]


def test_content_goes_from_machine_to_machine_and_back(site: ThreeHosts) -> None:
    site.create("data", "alpha")
    site.write("data", "alpha", "first")
    site.call("POST", "/v1/resource-definitions/data/snapshots", {"name": "before"})
    site.write("data", "alpha", "second")
    for source, target in (("alpha", "beta"), ("beta", "gamma"), ("gamma", "alpha")):
        assert over(site, moved(site, "data", source, target_node=target)) == "DONE"
        assert nodes_of(site, "data") == [target]
        assert site.holds("data", target) == "second"
        site.settle()
    site.call("POST", "/v1/resource-definitions/data/snapshot-rollback/before", {})
    assert site.holds("data", "alpha") == "first"


@contextmanager
def slow(site: ThreeHosts, node: str) -> Iterator[None]:
    """What leaves this machine leaves it slowly; what others say to it is not slowed down."""
    host = site.hosts[node]
    host.run("tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "8mbit", "burst", "64kb", "latency", "2s")
    try:
        yield
    finally:
        host.run("tc", "qdisc", "del", "dev", "eth0", "root")


def fill(site: ThreeHosts, name: str, node: str) -> bytes:
    """Content without holes, all over the volume."""
    content = random.Random(name).randbytes(SIZE_KIB * 1024)
    file = os.open(site.device(name, node), os.O_WRONLY)
    try:
        os.pwrite(file, content, 0)
        os.fsync(file)
    finally:
        os.close(file)
    return content


def content(site: ThreeHosts, name: str, node: str) -> bytes:
    return Path(site.device(name, node)).read_bytes()


def fetching(site: ThreeHosts, uuid: str) -> None:
    """Waits until some of the content is on its way, and not all of it."""
    until(lambda: 0 < job(site, uuid).get("done_kib", 0) < job(site, uuid)["total_kib"], "half of the content")


def test_called_off_half_way_it_is_as_before(site: ThreeHosts) -> None:
    site.create("data", "alpha")
    before = fill(site, "data", "alpha")
    picture = site.picture()
    with slow(site, "alpha"):
        uuid = moved(site, "data", "alpha", target_node="beta")
        fetching(site, uuid)
        with pytest.raises(RestRefused):
            site.call("POST", "/v1/resource-definitions/data/resources/alpha/activate")
        site.call("POST", f"/v1/jobs/{uuid}/cancel")
        assert over(site, uuid) == "CANCELLED"
    site.settle()
    assert site.picture() == picture
    assert content(site, "data", "alpha") == before


def test_whoever_is_killed_half_way_it_goes_on(site: ThreeHosts) -> None:
    site.create("data", "alpha")
    before = fill(site, "data", "alpha")
    with slow(site, "alpha"):
        uuid = moved(site, "data", "alpha", target_node="beta")
        fetching(site, uuid)
        site.kill_controller()
        site.start_controller()
        fetching(site, uuid)
        site.kill_satellite("beta")
        site.start_satellite("beta")
        fetching(site, uuid)
        site.kill_satellite("alpha")
        site.start_satellite("alpha")
    assert over(site, uuid) == "DONE"
    site.settle()
    assert nodes_of(site, "data") == ["beta"]
    assert content(site, "data", "beta") == before


def test_a_node_is_left_while_the_controller_dies_again_and_again(site: ThreeHosts) -> None:
    names = [f"data{number}" for number in range(5)]
    for name in names:
        site.create(name, "alpha")
        site.write(name, "alpha", name)
    held = os.open(site.device("data0", "alpha"), os.O_RDONLY)
    try:
        site.call("PUT", "/v1/nodes/alpha/evacuate", {"do_not_target": ["gamma"]})
        uuid = site.get("/v1/jobs?kinds=EVACUATE&live=true")[0]["uuid"]
        for _ in range(3):
            site.kill_controller()
            site.start_controller()
            site.call("PUT", "/v1/nodes/alpha/evacuate", {})
        until(lambda: job(site, uuid)["state"] == "WAITING" and [nodes_of(site, name) for name in names[1:]] == [
            ["beta"]] * 4, "all but the open one to leave")
        assert nodes_of(site, "data0") == ["alpha"]
        assert job(site, uuid)["blocked_by_code"] == IN_USE
        assert "data0" in job(site, uuid)["blocked_by"]
    finally:
        os.close(held)
    site.call("PUT", "/v1/nodes/alpha/evacuate", {})  # what waits is tried at once
    assert over(site, uuid) == "DONE"
    site.call("PUT", "/v1/nodes/alpha/restore", {})
    site.settle()
    for name in names:
        assert nodes_of(site, name) == ["beta"]
        assert site.holds(name, "beta") == name
    assert len(site.get("/v1/jobs?kinds=MOVE&resources=data3")) == 1

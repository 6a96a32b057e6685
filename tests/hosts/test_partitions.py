"""A node falls off the network before, while and after every operation: nobody hangs, and all is well once it is back.

Volumes are on alpha and gamma; gamma is the one that goes. All operations happen at once, each on a volume of its own,
so that the time which passes until the silence is noticed passes once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from three_hosts import NOT_CONNECTED, SIZE_KIB, Entries, ThreeHosts, until

from tools import processes
from tools.rest import RestRefused

ON = ("alpha", "gamma")


class Operation:
    """On the volume `name`; `prepare` and `check` when all is well, `act` when it is not."""

    refused = False
    """Whether it may be refused while a node is away."""
    warns = True
    """Whether its answer has to say that a node is away."""

    def __init__(self, site: ThreeHosts) -> None:
        self.site = site
        self.name = type(self).__name__.lower()
        self.path = f"/v1/resource-definitions/{self.name}"

    def prepare(self) -> None:
        self.site.create(self.name, *ON)
        for node in ON:
            self.site.write(self.name, node, f"{self.name} on {node}")

    def act(self) -> Entries:
        raise NotImplementedError

    def check(self, done: bool) -> None:
        """`done` is False after a refusal."""
        self.holds(self.name)

    def holds(self, name: str, suffix: str = "") -> None:
        for node in ON:
            assert self.site.holds(name, node) == f"{self.name} on {node}{suffix}"

    def call(self, method: str, path: str, body: object = None) -> Entries:
        found: Entries = self.site.call(method, self.path + path, body)
        return found

    def take_snapshot(self) -> None:
        self.call("POST", "/snapshots", {"name": "snap"})
        for node in ON:
            self.site.write(self.name, node, f"{self.name} on {node} later")


class Create(Operation):
    def prepare(self) -> None:
        pass

    def act(self) -> Entries:
        return self.site.create(self.name, *ON)

    def check(self, done: bool) -> None:
        for node in ON:
            assert self.site.holds(self.name, node) == ""


class Delete(Operation):
    def act(self) -> Entries:
        return self.call("DELETE", "")

    def check(self, done: bool) -> None:
        assert self.name not in self.site.names()


class DeleteOne(Operation):
    def act(self) -> Entries:
        return self.call("DELETE", "/resources/gamma")

    def check(self, done: bool) -> None:
        assert [found["node_name"] for found in self.call("GET", "/resources")] == ["alpha"]
        assert self.site.holds(self.name, "alpha") == f"{self.name} on alpha"


class Grow(Operation):
    def act(self) -> Entries:
        return self.call("PUT", "/volume-definitions/0", {"size_kib": 2 * SIZE_KIB})

    def check(self, done: bool) -> None:
        super().check(done)
        for node in ON:
            size = processes.run(["blockdev", "--getsize64", self.site.device(self.name, node)])
            assert size.strip() == str(2 * SIZE_KIB * 1024)


class Snapshot(Operation):
    """Of those that are there; it fails, and says so, when one of them goes meanwhile."""

    refused = True
    warns = False

    def act(self) -> Entries:
        return self.call("POST", "/snapshots", {"name": "snap"})

    def check(self, done: bool) -> None:
        super().check(done)
        taken = [found for found in self.call("GET", "/snapshots") if "SUCCESSFUL" in found["flags"]]
        assert not done or taken


class DeleteSnapshot(Operation):
    def prepare(self) -> None:
        super().prepare()
        self.take_snapshot()

    def act(self) -> Entries:
        return self.call("DELETE", "/snapshots/snap")

    def check(self, done: bool) -> None:
        assert self.call("GET", "/snapshots") == []
        self.holds(self.name, " later")


class RollBack(Operation):
    refused = True

    def prepare(self) -> None:
        super().prepare()
        self.take_snapshot()

    def act(self) -> Entries:
        return self.call("POST", "/snapshot-rollback/snap", {})

    def check(self, done: bool) -> None:
        self.holds(self.name, "" if done else " later")


class Restore(RollBack):
    def act(self) -> Entries:
        self.site.call("POST", "/v1/resource-definitions", {"resource_definition": {"name": "restored"}})
        self.call("POST", "/snapshot-restore-volume-definition/snap", {"to_resource": "restored"})
        return self.call("POST", "/snapshot-restore-resource/snap", {"to_resource": "restored"})

    def check(self, done: bool) -> None:
        self.holds(self.name, " later")
        if done:
            self.holds("restored")


class Clone(Operation):
    warns = False

    def act(self) -> Entries:
        self.call("POST", "/clone", {"name": "cloned"})
        return []

    def check(self, done: bool) -> None:
        super().check(done)
        assert self.call("GET", "/clone/cloned")["status"] == "COMPLETE"
        self.holds("cloned")


class Rename(Operation):
    def act(self) -> Entries:
        return self.call("POST", "/rename", {"new_name": "renamed"})

    def check(self, done: bool) -> None:
        self.holds("renamed" if done else self.name)
        assert (self.name in self.site.names()) is not done


class Properties(Operation):
    """No satellite has to know."""

    warns = False

    def act(self) -> Entries:
        self.site.call("PUT", "/v1/nodes/gamma", {"override_props": {"Aux/seen": "by nobody"}})
        return self.call("PUT", "/resources/gamma", {"override_props": {"Aux/colour": "green"}})

    def check(self, done: bool) -> None:
        super().check(done)
        assert self.site.get(f"{self.path}/resources/gamma")["props"]["Aux/colour"] == "green"


class Deactivate(Operation):
    def act(self) -> Entries:
        return self.call("POST", "/resources/gamma/deactivate")

    def check(self, done: bool) -> None:
        until(lambda: len(self.inactive()) == 1, "the volume of gamma to be without a device")
        self.call("POST", "/resources/gamma/activate")
        super().check(done)

    def inactive(self) -> list[str]:
        volumes = self.call("GET", "/resources/gamma/volumes")
        return [self.name for volume in volumes if not volume.get("device_path")]


class Move(Operation):
    """It waits for what is away, as a job; nobody waits for the job."""

    warns = False

    def act(self) -> Entries:
        return self.call("POST", "/resources/gamma/move", {"target_node": "beta"})

    def check(self, done: bool) -> None:
        assert self.site.holds(self.name, "beta") == f"{self.name} on gamma"
        assert self.site.holds(self.name, "alpha") == f"{self.name} on alpha"
        assert {found["node_name"] for found in self.call("GET", "/resources")} == {"alpha", "beta"}


class Pool(Operation):
    """The satellite has to be told of a pool before a volume can be in it."""

    def prepare(self) -> None:
        self.site.hosts["gamma"].look("more").mkdir(exist_ok=True)

    def act(self) -> Entries:
        directory = self.site.hosts["gamma"].directory / "more"
        found: Entries = self.site.call("POST", "/v1/nodes/gamma/storage-pools", {
            "storage_pool_name": "more", "provider_kind": "FILE_THIN",
            "props": {"StorDriver/StorPoolName": str(directory)}})
        return found

    def check(self, done: bool) -> None:
        until(lambda: self.site.get("/v1/nodes/gamma/storage-pools/more")["free_capacity"] > 0, "the pool to be seen")
        self.site.call("DELETE", "/v1/nodes/gamma/storage-pools/more")


OPERATIONS = (Create, Delete, DeleteOne, Grow, Snapshot, DeleteSnapshot, RollBack, Restore, Clone, Rename, Properties,
              Deactivate, Move, Pool)


def _act(operation: Operation) -> Entries | RestRefused:
    try:
        return operation.act()
    except RestRefused as refusal:
        return refusal


@contextmanager
def _away(site: ThreeHosts) -> Iterator[None]:
    """Everybody knows that it is gone."""
    site.lan.cut(site.hosts["gamma"])
    site.wait_away("gamma")
    yield
    site.lan.heal(site.hosts["gamma"])


def _orders_get_lost(site: ThreeHosts) -> AbstractContextManager[None]:
    return site.lan.silenced(site.lan.hub, site.hosts["gamma"])


def _answers_get_lost(site: ThreeHosts) -> AbstractContextManager[None]:
    """The satellite does its work, and nobody hears of it."""
    return site.lan.silenced(site.hosts["gamma"], site.lan.hub)


@contextmanager
def _for_moments(site: ThreeHosts) -> Iterator[None]:
    """It is back before the silence is noticed: nothing is said twice, and nothing is forgotten."""
    gamma = site.hosts["gamma"]
    site.lan.cut(gamma)
    healing = threading.Timer(2, site.lan.heal, (gamma,))
    healing.start()
    yield
    healing.join()


@pytest.mark.parametrize("partition", [_away, _orders_get_lost, _answers_get_lost, _for_moments],
                         ids=lambda partition: partition.__name__.strip("_"))
def test_nobody_waits_for_a_node_that_is_cut_off(
        site: ThreeHosts, partition: Callable[[ThreeHosts], AbstractContextManager[None]]) -> None:
    operations = [kind(site) for kind in OPERATIONS]
    for operation in operations:
        operation.prepare()
    with partition(site), ThreadPoolExecutor(len(operations)) as threads:
        answers = dict(zip(operations, threads.map(_act, operations), strict=True))
    for operation, answer in answers.items():
        if isinstance(answer, RestRefused):
            assert operation.refused, f"{operation.name}: {answer.entries}"
            assert answer.entries[-1]["cause"]
        else:
            assert _severities(answer) <= ({"success", "warning"}), answer
            assert partition is _for_moments or not operation.warns or NOT_CONNECTED in map(_code, answer), answer
    site.settle()
    for operation, answer in answers.items():
        operation.check(not isinstance(answer, RestRefused))
    for name in site.names():
        site.delete(name)
    site.settle()


def _code(entry: dict[str, Any]) -> int:
    return int(entry["ret_code"]) & 0x7FFF


def _severities(answer: Entries) -> set[str]:
    return {("success", "info", "warning", "error")[int(entry["ret_code"]) >> 62 & 3] for entry in answer}

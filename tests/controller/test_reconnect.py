"""Reconnecting: the link is broken, dialled anew, and its fate is the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from linstor_core.controller.call import Call
from linstor_core.controller.change import Change
from linstor_core.controller.controller import Controller
from linstor_core.controller.operations import node_links, reports
from linstor_core.controller.repository import Repository
from linstor_core.domain.errors import NotFound
from linstor_core.domain.nodes import ConnectionStatus, NodeType
from linstor_core.domain.registers import KeyValueStore, LinstorRemote, NodeConnection, ResourceConnection
from linstor_core.testing.builders import CountingContext, Model, node
from linstor_core.wire.api_call_rc import ApiCallRc
from linstor_core.wire.node_report import HelloAnswer, Report


class Services:
    """A controller, and links that do what the test says."""

    def __init__(self, controller: Controller, dial: Callable[[Controller], None]) -> None:
        self.controller = controller
        self._dial = dial
        self.dialled: list[str] = []

    def reconnect(self, node_key: str) -> None:
        self.dialled.append(node_key)
        self._dial(self.controller)


def reconnected(tmp_path: Path, dial: Callable[[Controller], None], name: str = "N1") -> tuple[list[int], list[str]]:
    """The codes of the answer, and the keys of the nodes that were dialled."""

    async def run() -> tuple[list[ApiCallRc], list[str]]:
        repository = Repository.in_folder(tmp_path)
        repository.open()
        model = Model.with_nodes(1)
        model.put(structs.replace(node(model.context, "controller-only"), type=NodeType.CONTROLLER))
        controller = Controller(model.cluster, repository, CountingContext())
        services = Services(controller, dial)
        try:
            return await node_links.reconnect(services, Call(None, {"node": name})), services.dialled
        finally:
            await controller.stop()
            repository.close()

    entries, dialled = asyncio.run(run())
    return [entry.code for entry in entries], dialled


def comes_back(controller: Controller) -> None:
    controller.fold(reports.introduced("n1", HelloAnswer(1, "n1", "1", ("DISKLESS",), ("STORAGE",))))
    controller.fold(reports.reported("n1", Report(synced=1)))


def stays_away(controller: Controller) -> None:
    controller.fold(reports.link_broken("N1", ConnectionStatus.OFFLINE, 1))


def test_the_state_before_is_not_taken_for_the_answer(tmp_path: Path) -> None:
    assert reconnected(tmp_path, stays_away) == ([0, node_links.WARN_NOT_CONNECTED], ["N1"])


def test_a_satellite_that_comes_back_ends_the_wait(tmp_path: Path) -> None:
    assert reconnected(tmp_path, comes_back) == ([0, node_links.SATELLITE_CONNECTED], ["N1"])


def test_a_node_without_a_satellite_is_not_dialled(tmp_path: Path) -> None:
    assert reconnected(tmp_path, comes_back, "controller-only") == ([0], [])


def test_an_unknown_node_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        reconnected(tmp_path, comes_back, "nobody")


def test_a_bounded_wait_ends_with_a_warning(tmp_path: Path) -> None:
    async def run() -> list[ApiCallRc]:
        repository = Repository.in_folder(tmp_path)
        repository.open()
        controller = Controller(Model().cluster, repository, CountingContext())
        try:
            return await controller.apply(lambda _, __: Change(outcome=lambda _: None, watch=("N1",), wait_s=0.01))
        finally:
            await controller.stop()
            repository.close()

    assert [(entry.code, entry.is_error) for entry in asyncio.run(run())] == [(1002, False)]


def test_what_is_kept_for_callers_survives_a_restart(tmp_path: Path) -> None:
    kept = (KeyValueStore("mine", {"": "x", "ü/a": "ö"}), LinstorRemote("u1", "east", "http://192.0.2.1:3370"),
            NodeConnection("n1", "n2", {"Aux/a": "1"}), ResourceConnection("data", "u2", "n1", "n2", {"Aux/b": "2"}))
    for number in range(2):
        repository = Repository.in_folder(tmp_path)
        repository.open()
        if number == 0:
            repository.commit([((Model().cluster.controller, *kept), ())], 1)
        cluster, _ = repository.load()
        repository.close()
        assert cluster is not None
        assert cluster.key_value_stores["MINE"] == kept[0]
        assert cluster.linstor_remotes["EAST"] == kept[1]
        assert cluster.node_connections["N1", "N2"] == kept[2]
        assert cluster.resource_connections["DATA", "N1;N2"] == kept[3]

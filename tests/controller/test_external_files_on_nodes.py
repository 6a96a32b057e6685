"""External files on a real node: what is asked over REST is found on the disk."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.controller.test_diagnostics import ask, entries
from tests.controller.test_satellite_log_levels import register
from tools import processes, services
from tools.services import Service

_PATIENCE_S = 20.0
_WARN_NO_EFFECT = 3001


class Node:
    """Satellite alpha; `folder` is allowed when it is started so."""

    def __init__(self, controller: Service, tmp_path: Path) -> None:
        self.controller = controller
        self.folder = tmp_path / "allowed"
        self.folder.mkdir()
        self.address = services.free_address()
        self._tmp_path = tmp_path

    @contextlib.contextmanager
    def running(self, *folders: Path) -> Iterator[None]:
        allowed = [argument for folder in folders for argument in ("--allow-external-files", str(folder))]
        log = self._tmp_path / "satellite.log"
        identity = services.start("linstor_core.satellite", [
            "--name", "alpha", "--listen", self.address, "--state", str(self._tmp_path / "state"), *allowed], log)
        try:
            register(self.controller, "alpha", self.address.rpartition(":")[2])
            ask(self.controller, "PUT", "/v1/nodes/alpha/reconnect")
            until(lambda: b"ONLINE" in ask(self.controller, "GET", "/v1/nodes/alpha")[1])
            yield
        finally:
            processes.stop(identity, timeout_s=5)
            until(lambda: b"ONLINE" not in ask(self.controller, "GET", "/v1/nodes/alpha")[1])

    def put(self, path: Path, content: bytes) -> Any:
        body = {"path": str(path), "content": base64.b64encode(content).decode()}
        return entries(ask(self.controller, "PUT", f"/v1/files/{quoted(path)}", body))

    def attach(self, path: Path, definition: str = "data") -> Any:
        return entries(ask(self.controller, "POST", f"/v1/resource-definitions/{definition}/files/{quoted(path)}"))

    def detach(self, path: Path, definition: str = "data") -> Any:
        return entries(ask(self.controller, "DELETE", f"/v1/resource-definitions/{definition}/files/{quoted(path)}"))

    def status(self, path: Path) -> Any:
        return json.loads(ask(self.controller, "GET", f"/v1/files/{quoted(path)}/status/alpha")[1])

    def allows(self, path: Path) -> bool:
        return bool(json.loads(ask(self.controller, "GET", f"/v1/files/{quoted(path)}/check/alpha")[1])["allowed"])

    def hold(self, *definitions: str) -> None:
        """Resources without volumes."""
        directory = self._tmp_path / "pool"
        directory.mkdir()
        ask(self.controller, "POST", "/v1/nodes/alpha/storage-pools", {
            "stor_pool_name": "thin", "provider_kind": "FILE_THIN",
            "props": {"StorDriver/StorPoolName": str(directory)}})
        for name in definitions:
            ask(self.controller, "POST", "/v1/resource-definitions", {"resource_definition": {"name": name}})
            answer = ask(self.controller, "POST", f"/v1/resource-definitions/{name}/resources", [
                {"resource": {"node_name": "alpha", "props": {"StorPoolName": "thin"}}, "layer_list": ["STORAGE"]}])
            assert answer[0] in (200, 201), answer


def quoted(path: Path) -> str:
    return quote(str(path), safe="")


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.05)


def codes(answer: Any) -> list[int]:
    return [item["ret_code"] & 0x7FFF for item in answer]


@pytest.fixture
def node(controller_process: Service, tmp_path: Path) -> Node:
    return Node(controller_process, tmp_path)


def test_files_come_and_go_with_what_needs_them(node: Node) -> None:
    path = node.folder / "a.conf"
    with node.running(node.folder):
        node.hold("data", "more")
        node.put(path, b"one")
        assert node.allows(path) and not node.allows(Path("/etc/passwd")) and not path.exists()
        assert codes(node.attach(path)) == [3]
        assert path.read_bytes() == b"one" and path.stat().st_mode & 0o777 == 0o600
        assert node.status(path) == {"allowed": True, "wanted": True, "deployed": True}
        assert codes(node.put(path, b"two")) == [3]
        assert path.read_bytes() == b"two"
        assert codes(node.attach(path, "more")) == [3]
        assert codes(node.detach(path)) == [3]
        assert path.read_bytes() == b"two", "another resource needs it"
        ask(node.controller, "DELETE", "/v1/resource-definitions/more")
        until(lambda: not path.exists())
        assert os.listdir(node.folder) == []


def test_what_somebody_changed_is_left_and_reported(node: Node) -> None:
    path, theirs = node.folder / "a.conf", node.folder / "theirs.conf"
    theirs.write_bytes(b"theirs")
    with node.running(node.folder):
        node.hold("data")
        for file in (path, theirs):
            node.put(file, b"ours")
        assert codes(node.attach(path)) == [3]
        assert codes(node.attach(theirs)) == [3, _WARN_NO_EFFECT]
        assert theirs.read_bytes() == b"theirs" and "never overwritten" in node.status(theirs)["message"]
        node.detach(theirs)
        assert theirs.read_bytes() == b"theirs"
        path.write_bytes(b"edited")
        assert codes(node.detach(path)) == [3, _WARN_NO_EFFECT]
        assert path.read_bytes() == b"edited" and "left on the node" in node.status(path)["message"]


def test_a_satellite_that_was_away_catches_up_and_knows_its_own(node: Node) -> None:
    path = node.folder / "a.conf"
    with node.running(node.folder):
        node.hold("data")
        node.put(path, b"one")
        node.attach(path)
    assert path.read_bytes() == b"one"
    assert 1002 in codes(node.put(path, b"two"))
    assert ask(node.controller, "GET", f"/v1/files/{quoted(path)}/check/alpha")[0] == 500
    with node.running(node.folder):
        until(lambda: path.read_bytes() == b"two")
    node.detach(path)
    with node.running(node.folder):
        until(lambda: not path.exists())


def test_nothing_is_allowed_unless_the_satellite_was_told(node: Node) -> None:
    path = node.folder / "a.conf"
    with node.running():
        node.hold("data")
        node.put(path, b"one")
        answer = node.attach(path)
        assert codes(answer) == [3, _WARN_NO_EFFECT] and "--allow-external-files" in answer[1]["correction"]
        status = node.status(path)
        assert not status["allowed"] and not status["deployed"] and "--allow-external-files" in status["message"]
        assert not node.allows(path) and os.listdir(node.folder) == []
    with node.running(node.folder):
        until(path.exists)

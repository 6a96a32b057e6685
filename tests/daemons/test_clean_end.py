"""A daemon that is told to end does so soon, whoever listens, waits or hangs; nobody is left without a word."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.daemons.running import PATIENCE_S, Running, running
from tools import processes, services
from tools.rest import RestConnection

LISTENERS = 1000
END_S = 8.0
"""Less than any of the timeouts that an end could wait for by mistake: 10 s for a farewell, 300 s for a satellite."""

PLACED = {"resource": {"props": {"StorPoolName": "pool"}}}


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip("needs 4096 open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def ends(daemon: Running) -> float:
    """Tell it to end; gives the seconds that it took, and fails where it takes too long or does not end well."""
    began = time.monotonic()
    daemon.signal(signal.SIGTERM)
    assert processes.wait_for_end(daemon.identity, END_S), services.tail(daemon.log)
    took_s = time.monotonic() - began
    assert daemon.ended() == 0
    return took_s


def listen(address: str, number: int) -> list[socket.socket]:
    """So many listeners on the events, all of them greeted."""
    host, _, port = address.rpartition(":")
    found = []
    for _ in range(number):
        connection = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
        connection.sendall(b"GET /v1/events/nodes HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
        found.append(connection)
    for connection in found:
        text = b""
        while b": connected" not in text:
            piece = connection.recv(4096)
            assert piece
            text += piece
    return found


class Call(threading.Thread):
    """A call that has been sent, and whose answer is waited for."""

    def __init__(self, address: str, path: str, body: object) -> None:
        super().__init__()
        self._connection = http.client.HTTPConnection(address, timeout=PATIENCE_S)
        self._connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        self.status = 0
        self.answer: Any = None
        self.start()

    def run(self) -> None:
        # A connection that the controller had not taken yet is closed without a word: the status stays 0.
        with contextlib.suppress(ConnectionError), contextlib.closing(self._connection):
            answer = self._connection.getresponse()
            self.status, self.answer = answer.status, json.loads(answer.read())


@pytest.fixture
def stuck_cluster(tmp_path: Path) -> Iterator[tuple[str, Running]]:
    """A controller whose only satellite is connected, and hangs: its address, and it."""
    address, satellite = services.free_address(), services.free_address()
    host, _, port = satellite.rpartition(":")
    with (running("linstor_core.testing.simulated_satellite",
                  ["--name", "n1", "--listen", satellite, "--state", str(tmp_path / "n1")],
                  tmp_path / "n1.log") as node,
          running("linstor_core.controller", ["--listen", address, "--state", str(tmp_path / "state")],
                  tmp_path / "log") as controller):
        services.wait_until_healthy(address, controller.identity, controller.log)
        with RestConnection(address) as rest:
            rest.post("/v1/nodes", {"name": "n1", "type": "satellite", "net_interfaces": [
                {"name": "default", "address": host, "satellite_port": int(port),
                 "satellite_encryption_type": "PLAIN"}]})
            deadline = time.monotonic() + PATIENCE_S
            while rest.get("/v1/nodes")[0]["connection_status"] != "ONLINE":
                assert time.monotonic() < deadline
                time.sleep(0.02)
            rest.post("/v1/nodes/n1/storage-pools", {"storage_pool_name": "pool", "provider_kind": "FILE_THIN",
                                                     "props": {"StorDriver/FileDir": "/simulated"}})
            rest.post("/v1/resource-definitions", {"resource_definition": {
                "name": "vol", "layer_data": [{"type": "STORAGE"}]}})
            rest.post("/v1/resource-definitions/vol/volume-definitions", {"volume_definition": {"size_kib": 4096}})
        node.signal(signal.SIGSTOP)
        try:
            yield address, controller
        finally:
            node.signal(signal.SIGCONT)


def test_a_controller_with_a_thousand_listeners(many_files: None, tmp_path: Path) -> None:
    address = services.free_address()
    with running("linstor_core.controller", ["--listen", address, "--state", str(tmp_path / "state")],
                 tmp_path / "log") as controller:
        services.wait_until_healthy(address, controller.identity, controller.log)
        listeners = listen(address, LISTENERS)
        took_s = ends(controller)
        with ExitStack() as closing:
            for listener in listeners:
                closing.enter_context(listener)
            # Each stream ends as HTTP wants it, with its last chunk.
            assert {_rest_of(listener) for listener in listeners} == {b"0\r\n\r\n"}
    print(f"{LISTENERS} listeners: {took_s:.2f} s")


def _rest_of(connection: socket.socket) -> bytes:
    text = b""
    while piece := connection.recv(4096):
        text += piece
    return text[-5:]


def test_a_controller_whose_callers_wait_for_a_satellite_that_hangs(stuck_cluster: tuple[str, Running]) -> None:
    address, controller = stuck_cluster
    with socket.create_connection(address.rsplit(":", 1), timeout=PATIENCE_S) as slow:  # type: ignore[arg-type]
        # Somebody who sends half of a body, and somebody who listens and never reads.
        slow.sendall(b"POST /v1/nodes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                     b"Content-Length: 1000\r\n\r\n{")
        (deaf,) = listen(address, 1)
        asking = Call(address, "/v1/resource-definitions/vol/resources/n1?dry_run=true", PLACED)
        waiting = Call(address, "/v1/resource-definitions/vol/resources/n1", PLACED)
        until_stored(address)
        print(f"hanging satellite: {ends(controller):.2f} s")
        for call in (waiting, asking):
            call.join(PATIENCE_S)
            assert not call.is_alive()
        # What waits for a satellite was stored: it is told so. A question that needs the satellite is refused.
        assert waiting.status == 201
        assert any("being stopped" in entry.get("cause", "") for entry in waiting.answer)
        assert asking.status == 503
        assert "being stopped" in asking.answer[0]["message"]
        deaf.close()


def until_stored(address: str) -> None:
    """The resource that a call wants is there; the call itself goes on waiting for its satellite."""
    deadline = time.monotonic() + PATIENCE_S
    with RestConnection(address) as rest:
        while not rest.get("/v1/resource-definitions/vol/resources"):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_what_was_answered_is_there_after_the_next_start(stuck_cluster: tuple[str, Running], tmp_path: Path) -> None:
    address, controller = stuck_cluster
    names = [f"d{number}" for number in range(40)]
    calls = [Call(address, "/v1/resource-definitions", {"resource_definition": {"name": name}})
             for name in names]
    calls[0].join(PATIENCE_S)
    ends(controller)
    for call in calls:
        call.join(PATIENCE_S)
    stored = {name for name, call in zip(names, calls, strict=True) if call.status == 201}
    assert "d0" in stored
    with running("linstor_core.controller", ["--listen", address, "--state", str(tmp_path / "state")],
                 tmp_path / "again.log") as again:
        services.wait_until_healthy(address, again.identity, again.log)
        with RestConnection(address) as rest:
            assert stored <= {found["name"] for found in rest.get("/v1/resource-definitions")}


def test_a_satellite_whose_controller_hangs(tmp_path: Path) -> None:
    address, satellite = services.free_address(), services.free_address()
    host, _, port = satellite.rpartition(":")
    with (running("linstor_core.satellite", ["--name", "n1", "--listen", satellite, "--state", str(tmp_path / "n1")],
                  tmp_path / "n1.log") as node,
          running("linstor_core.controller", ["--listen", address, "--state", str(tmp_path / "state")],
                  tmp_path / "log") as controller):
        services.wait_until_healthy(address, controller.identity, controller.log)
        with RestConnection(address) as rest:
            rest.post("/v1/nodes", {"name": "n1", "type": "satellite", "net_interfaces": [
                {"name": "default", "address": host, "satellite_port": int(port),
                 "satellite_encryption_type": "PLAIN"}]})
            deadline = time.monotonic() + PATIENCE_S
            while rest.get("/v1/nodes")[0]["connection_status"] != "ONLINE":
                assert time.monotonic() < deadline
                time.sleep(0.02)
        controller.signal(signal.SIGSTOP)
        try:
            print(f"satellite with a hanging controller: {ends(node):.2f} s")
        finally:
            controller.signal(signal.SIGCONT)


def test_a_single_process_in_the_middle_of_a_step(root_required: None, pool_dir: Path, tmp_path: Path) -> None:
    """Whatever a step is at, the process does not wait for it; the next start does it again."""
    address, satellite = services.free_address(), services.free_address()
    host, _, port = satellite.rpartition(":")
    arguments = ["--listen", address, "--satellite-listen", satellite, "--name", "n1", "--state",
                 str(tmp_path / "state")]
    with running("linstor_core.single", arguments, tmp_path / "log") as both:
        services.wait_until_healthy(address, both.identity, both.log)
        with RestConnection(address) as rest:
            rest.post("/v1/nodes", {"name": "n1", "type": "satellite", "net_interfaces": [
                {"name": "default", "address": host, "satellite_port": int(port),
                 "satellite_encryption_type": "PLAIN"}]})
            rest.post("/v1/nodes/n1/storage-pools", {"storage_pool_name": "pool", "provider_kind": "FILE",
                                                     "props": {"StorDriver/FileDir": str(pool_dir)}})
            rest.post("/v1/resource-definitions", {"resource_definition": {
                "name": "vol", "layer_data": [{"type": "STORAGE"}]}})
            rest.post("/v1/resource-definitions/vol/volume-definitions", {"volume_definition": {
                "size_kib": 8 * 1024 * 1024, "props": {"FileSystem/Type": "ext4"}}})
        call = Call(address, "/v1/resource-definitions/vol/resources/n1", PLACED)
        until_step(pool_dir)
        print(f"single process in a step: {ends(both):.2f} s")
        call.join(PATIENCE_S)
        assert call.status in (201, 503)


def until_step(pool_dir: Path) -> None:
    """Something of the volume is there."""
    deadline = time.monotonic() + PATIENCE_S
    while not os.listdir(pool_dir):
        assert time.monotonic() < deadline
        time.sleep(0.001)



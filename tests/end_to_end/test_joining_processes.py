"""Controller, `linstor-satellite join` and satellite as processes of their own; python-linstor looks at the node."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import linstor
import pytest

from tests.conftest import Service
from tools import processes, services

PATIENCE_S = 30.0
MEBIBYTE_KIB = 1024
MOST_KIB = 40 * MEBIBYTE_KIB
"""A satellite is to be no larger than this."""


def until(is_true: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < ends, "it did not come about in time"
        time.sleep(0.02)


def invited(controller: Service, **fields: object) -> str:
    request = urllib.request.Request(f"{controller.url}/v1/nodes/invitations", json.dumps(fields).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return f"{json.load(answer)[0]['obj_refs']['token']}@{controller.address}"


def joining(token: str, state: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-m", "linstor_core.satellite", "join", "--state", str(state), *more]
    environment = {**os.environ, "PYTHONPATH": str(services.CHECKOUT), "LINSTOR_JOIN": token}
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def rss_kib(identity: processes.ProcessIdentity) -> int:
    status = Path(f"/proc/{identity.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


@pytest.fixture
def api(controller_process: Service) -> linstor.Linstor:
    return linstor.Linstor(f"linstor://{controller_process.address}")


def state_of(api: linstor.Linstor, name: str) -> str:
    found = [node for node in api.node_list()[0].nodes if node.name == name]
    return str(found[0].connection_status) if found else ""


def test_a_host_joins_and_stays_small(controller_process: Service, api: linstor.Linstor, tmp_path: Path) -> None:
    state, port = tmp_path / "satellite", services.free_address().rpartition(":")[2]
    said, _ = joining(invited(controller_process), state, "--name", "alpha", "--port", port).communicate(timeout=60)
    assert "This host is the node 'alpha'" in said, said
    log = tmp_path / "satellite.log"
    satellite = services.start("linstor_core.satellite", ["--listen", "127.0.0.1:0", "--state", str(state)], log)
    try:
        with api:
            until(lambda: state_of(api, "alpha") == "ONLINE")
            interface = api.node_list()[0].nodes[0].net_interfaces[0]
            assert (interface.stlt_encryption_type, interface.stlt_port) == ("SSL", int(port))
            # What python-linstor does with interfaces of this type.
            for answers in (
                    api.netinterface_create("alpha", "spare", "127.0.0.9", port=int(port), com_type="SSL"),
                    api.netinterface_modify("alpha", "spare", "127.0.0.1", port=int(port), com_type="SSL",
                                            is_active=True)):
                assert linstor.Linstor.all_api_responses_no_error(answers), [str(each) for each in answers]
            until(lambda: state_of(api, "alpha") == "ONLINE")
        assert rss_kib(satellite) <= MOST_KIB
    finally:
        processes.stop(satellite, timeout_s=5)


def test_who_is_killed_while_it_joins_joins_again(controller_process: Service, api: linstor.Linstor,
                                                  tmp_path: Path) -> None:
    """Whenever it ends: either it has joined, or the same line lets it."""
    token, state = invited(controller_process, node_name="alpha"), tmp_path / "satellite"
    for pause_s in (0.1, 0.3, 0.45, 0.55, 0.65, 0.8):
        attempt = joining(token, state, "--name", "alpha")
        time.sleep(pause_s)  # another moment each time, whichever it hits
        attempt.send_signal(signal.SIGKILL)
        attempt.communicate()
    attempt = joining(token, state, "--name", "alpha")
    said, _ = attempt.communicate(timeout=60)
    assert attempt.returncode == 0, said
    assert (state / "tls/satellite.pem").read_text().count("-----BEGIN") == 2
    with api:
        assert [node.name for node in api.node_list()[0].nodes] == ["alpha"]

"""Controllers and satellites as background processes, as tests, the benchmark and `./dev up` use them."""

from __future__ import annotations

import http.client
import os
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools import processes
from tools.processes import ProcessIdentity

CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass
class Service:
    """A running controller, or one with a satellite: `address` is REST's host:port, `satellite` the satellite's."""

    address: str
    identity: ProcessIdentity
    state: Path
    log: Path
    satellite: str = ""
    node_name: str = ""
    pool_dir: Path = Path()

    @property
    def url(self) -> str:
        return f"http://{self.address}"


class StartFailed(Exception):
    """The process ended, or did not answer in time; the text carries the end of its log."""


def start(module: str, arguments: list[str], log: Path, prefix: Sequence[str] = ()) -> ProcessIdentity:
    """Start `python -m module arguments` from this checkout; `prefix` is a command that becomes it (nsenter)."""
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"}
    return processes.start([*prefix, sys.executable, "-P", "-m", module, *arguments], log, environment)


def wait_until_healthy(address: str, identity: ProcessIdentity, log: Path, timeout_s: float = 30,
                       prefix: Sequence[str] = ()) -> None:
    """Wait for GET /health on `address` (host:port), asked through `prefix` where there is one. Raises StartFailed."""
    deadline = time.monotonic() + timeout_s
    while not (_answers_health_through(prefix, address) if prefix else answers_health(address)):
        if not processes.is_alive(identity):
            raise StartFailed(f"it ended while starting; its log {log} says:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise StartFailed(f"no answer from http://{address}/health within {timeout_s:g} s; its log {log} says:\n"
                              f"{tail(log)}")
        time.sleep(0.01)


def answers_health(address: str) -> bool:
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _answers_health_through(prefix: Sequence[str], address: str) -> bool:
    """Ask from a process that `prefix` puts where the address is reachable."""
    question = f"import sys; from tools.services import answers_health; sys.exit(not answers_health({address!r}))"
    try:
        processes.run([*prefix, sys.executable, "-c", question], cwd=CHECKOUT)
    except processes.CommandFailed:
        return False
    return True


def free_address() -> str:
    """A loopback address with a port that nobody listens on at the moment.

    It lies below the range from which the kernel takes ports for outgoing connections: one of those could come first.
    """
    while True:
        port = 10_000 + int.from_bytes(os.urandom(2), "big") % 20_000
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return f"127.0.0.1:{port}"


def tail(log: Path, lines: int = 15) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return str(error)

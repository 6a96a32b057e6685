"""`python -m linstor_proxmox.endpoint`: answers the calls of the Perl module on a Unix socket.

One line of JSON in, {"call", "storage", "config", "arguments"}; one line out, {"result"} or {"error"}. Only root is
answered. Started by systemd, which hands the socket over, so that no call is lost while it restarts.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from linstor_core.client.errors import ClientError
from linstor_proxmox import node_links, storage_config
from linstor_proxmox.capacities import REFRESH_S, Capacities
from linstor_proxmox.migrations import RENEWAL_S, Migrations
from linstor_proxmox.node_links import NodeLinks
from linstor_proxmox.platform_calls import CALLS, Arguments
from linstor_proxmox.refusals import Refused
from linstor_proxmox.sessions import Sessions
from linstor_proxmox.storage import CLOSING_S, Node, Storage

SOCKET = Path("/run/linstor-proxmox/endpoint.sock")
LONGEST_REQUEST = 4 * 1024 * 1024
_FIRST_PASSED_SOCKET = 3
_log = logging.getLogger("linstor_proxmox")


class Endpoint:
    """Turns requests into answers; knows no socket."""

    def __init__(self, node_name: str, links: NodeLinks, closing_s: float = CLOSING_S) -> None:
        self.sessions = Sessions()
        self.capacities = Capacities(self.sessions)
        self.node = Node(node_name, links, Migrations(), closing_s=closing_s)

    def answer(self, line: bytes) -> bytes:
        """Never raises: what went wrong is the answer."""
        try:
            reply = {"result": self._result(json.loads(line))}
        except (Refused, ClientError) as error:
            reply = {"error": " ".join(str(error).split())}
        except Exception as error:
            _log.exception("a call failed")
            reply = {"error": f"linstor-proxmox: {type(error).__name__}: {error} (see its journal)"}
        return json.dumps(reply).encode() + b"\n"

    def _result(self, request: Mapping[str, Any]) -> object:
        name = str(request.get("call"))
        config = storage_config.from_section(str(request.get("storage")), request.get("config") or {})
        if name == "status":
            return self.capacities.status(config)
        call = CALLS.get(name)
        if call is None:
            raise Refused(f"linstor-proxmox knows no call '{name}': module and endpoint are of different releases")
        with self.sessions.service(config) as service:
            return call(Storage(config, service, self.node), Arguments(request.get("arguments") or {}))

    def close(self) -> None:
        """The connections that no call uses now."""
        self.sessions.close()

    def keep_up(self, stop: threading.Event) -> None:
        """Refreshes what is answered from memory and renews windows, till `stop`."""
        rounds = 0
        while not stop.wait(REFRESH_S):
            rounds += 1
            self.capacities.refresh()
            if rounds % int(RENEWAL_S // REFRESH_S) == 0:
                self.node.migrations.renew(self.sessions)


class _Line(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        if not _is_allowed(self.connection):
            return
        while line := self.rfile.readline(LONGEST_REQUEST):
            try:
                self.wfile.write(self.server.endpoint.answer(line))
            except OSError:
                return  # Who asked did not wait for the answer.


def _is_allowed(connection: socket.socket) -> bool:
    """Root, and the user that runs this, for tests."""
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return uid in (0, os.geteuid())


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, place: Path, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        passed = os.environ.get("LISTEN_PID") == str(os.getpid())
        super().__init__(str(place), _Line, bind_and_activate=not passed)
        if passed:
            self.socket.close()
            self.socket = socket.socket(fileno=_FIRST_PASSED_SOCKET)

    def server_bind(self) -> None:
        place = Path(str(self.server_address))
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            super().server_bind()
        finally:
            os.umask(before)


def serve(place: Path, endpoint: Endpoint) -> None:
    """Till the process ends."""
    stop = threading.Event()
    threading.Thread(target=endpoint.keep_up, args=(stop,), daemon=True).start()
    with _Server(place, endpoint) as server:
        try:
            server.serve_forever()
        finally:
            stop.set()
            endpoint.close()


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m linstor_proxmox.endpoint", description=__doc__)
    parser.add_argument("--socket", type=Path, default=SOCKET, help="where to listen, unless systemd passes a socket")
    parser.add_argument("--node", default=socket.gethostname(), help="this node's name in LINSTOR (default: host name)")
    parser.add_argument("--links", type=Path, default=node_links.ROOT, help="folder for links to active volumes")
    given = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    serve(given.socket, Endpoint(given.node, NodeLinks(given.links)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Proxmox VE's REST API over HTTPS, with answers in the shapes that its documentation has, and a little state."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tools import processes

TASK = "UPID:pve1:0000ABCD:00112233:66000000:qmmove:100:root@pam!tool:"
TOKEN = "PVEAPIToken=root@pam!tool=secret-value"


class RecordedPlatform:
    """`answers` has the data of GETs by path; `storages` is storage.cfg, changed by what is written."""

    def __init__(self) -> None:
        self.storages: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, Any] = {
            "nodes": [{"node": "pve1", "status": "online", "type": "node"},
                      {"node": "pve2", "status": "offline", "type": "node"}],
            "cluster/resources": [], f"nodes/pve1/tasks/{TASK}/status": [{"status": "stopped", "exitstatus": "OK"}]}
        self.writes: list[tuple[str, str, dict[str, str]]] = []
        self.refused: dict[tuple[str, str], str] = {}
        self.address = ""
        self.certificate = Path()

    def reply(self, method: str, path: str, body: dict[str, str]) -> tuple[int, Any]:
        if method != "GET":
            self.writes.append((method, path, body))
        text = self.refused.get((method, f"{path}:{body.get('type', '')}"))
        if text:
            return 400, {"data": None, "errors": {"type": text}}
        if path == "storage" or path.startswith("storage/"):
            return self._storage(method, path.partition("/")[2], body)
        if method == "POST":
            return 200, {"data": TASK}
        found = self.answers.get(path)
        if found is None:
            return 501, {"data": None, "message": f"nothing is recorded for {path}"}
        if path.endswith("/status") and isinstance(found, list):
            return 200, {"data": found.pop(0) if len(found) > 1 else found[0]}
        return 200, {"data": found}

    def _storage(self, method: str, storage: str, body: dict[str, str]) -> tuple[int, Any]:
        if method == "GET":
            return 200, {"data": list(self.storages.values())}
        if method == "DELETE":
            del self.storages[storage]
        else:
            name = storage or body["storage"]
            self.storages[name] = {**self.storages.get(name, {}), **body, "digest": "abc"}
        return 200, {"data": None}


def _server_class(platform: RecordedPlatform) -> type[BaseHTTPRequestHandler]:
    class Answerer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            body = {key: values[0] for key, values in parse_qs(content).items()}
            path = unquote(urlsplit(self.path).path).removeprefix("/api2/json/")
            allowed = self.headers.get("Authorization") == TOKEN
            status, found = platform.reply(self.command, path, body) if allowed else (401, {"data": None})
            reply = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json;charset=UTF-8")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        do_GET = do_POST = do_PUT = do_DELETE = _answer

        def log_message(self, *_: Any) -> None:
            """The test says what matters."""

    return Answerer


@contextmanager
def recorded_platform(folder: Path) -> Iterator[RecordedPlatform]:
    platform = RecordedPlatform()
    platform.certificate, key = folder / "ca.pem", folder / "key.pem"
    processes.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                   "-keyout", str(key), "-out", str(platform.certificate), "-days", "2", "-subj", "/CN=127.0.0.1",
                   "-addext", "subjectAltName=IP:127.0.0.1"])
    with ThreadingHTTPServer(("127.0.0.1", 0), _server_class(platform)) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(platform.certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.daemon_threads = True
        platform.address = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield platform
        finally:
            server.shutdown()
            thread.join()


def credentials(platform: RecordedPlatform, folder: Path, **more: str) -> Path:
    """A file with which the tool signs in."""
    file = folder / "credentials.json"
    host, _, port = platform.address.partition(":")
    file.write_text(json.dumps({"host": host, "port": port, "user": "root@pam", "token_name": "tool",
                                "token_value": "secret-value", "ca_file": str(platform.certificate), **more}))
    file.chmod(0o600)
    return file

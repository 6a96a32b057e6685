"""A real HTTP server that gives prepared answers and remembers what it was asked."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

CREATED = {"ret_code": 20447233, "message": "created", "obj_refs": {"RscDfn": "a"}}
MASK_ERROR = -4611686018427387904


def refusal(code: int, message: str = "refused", **more: Any) -> list[dict[str, Any]]:
    return [{"ret_code": MASK_ERROR | code, "message": message, **more}]


class ScriptedController:
    """`answers` maps "METHOD /path" to (status, JSON); a list of such pairs is used up one by one, the last stays."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.requests: list[tuple[str, dict[str, list[str]], Any]] = []
        self.headers: list[dict[str, str]] = []
        self.delay_s = 0.0
        self.hang_up = 0
        self.url = ""

    def answer(self, call: str, body: Any, status: int = 200) -> None:
        self.answers[call] = [(status, body)]

    def answers_in_turn(self, call: str, *bodies: Any) -> None:
        self.answers[call] = [(200, body) for body in bodies]

    def reply_to(self, call: str) -> tuple[int, Any]:
        found = self.answers.get(call)
        if found is None:
            return 404, refusal(32766, f"nothing is prepared for {call}")
        return found.pop(0) if len(found) > 1 else found[0]

    @property
    def asked(self) -> list[str]:
        return [request[0] for request in self.requests]

    def body_of(self, call: str) -> Any:
        return next(body for name, _, body in self.requests if name == call)


def _server_class(script: ScriptedController) -> type[BaseHTTPRequestHandler]:
    class Answerer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            url = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            call = f"{self.command} {unquote(url.path)}"
            script.requests.append((call, parse_qs(url.query), json.loads(content) if content else None))
            script.headers.append(dict(self.headers.items()))
            if script.hang_up:
                script.hang_up -= 1
                self.close_connection = True
                return
            time.sleep(script.delay_s)
            status, body = script.reply_to(call)
            reply = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            if isinstance(body, dict) and "location" in body and status in (301, 302, 307, 308):
                self.send_header("Location", body["location"])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):  # a caller that gave up
                self.wfile.write(reply)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _answer

        def log_message(self, *_: Any) -> None:
            """The test says what matters."""

    return Answerer


@contextmanager
def scripted_controller() -> Iterator[ScriptedController]:
    script = ScriptedController()
    with ThreadingHTTPServer(("127.0.0.1", 0), _server_class(script)) as server:
        server.daemon_threads = True
        script.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield script
        finally:
            server.shutdown()
            thread.join()

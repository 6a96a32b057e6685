"""HTTP: a thin bridge between what the listeners read and the Flask application, inside the event loop.

Reads never block, so they are answered where they arrive; a write gives a `Pending` response whose work is awaited.
Long lists are sent in pieces with a turn of the loop between them.
"""

from __future__ import annotations

import asyncio
import io
import time
import zlib
from typing import Any
from urllib.parse import unquote

import msgspec
from flask import Flask, Response

from linstor_core.controller.access_log import AccessLog
from linstor_core.controller.app import (
    BODY,
    EventStream,
    Pending,
    Services,
    allowed_methods,
    has_options_route,
    stopping,
    unauthorized,
)
from linstor_core.controller.listeners import Receive, Scope, Send
from linstor_core.controller.token_gate import TokenGate
from linstor_core.domain.errors import Code
from linstor_core.wire.api_call_rc import Severity, entry

MAX_BODY_BYTES = 16 * 1024 * 1024
GZIP_FROM_BYTES = 1000
PACKED_ALREADY = ("application/octet-stream",)


class Bridge:
    """ASGI outside, WSGI request objects inside."""

    def __init__(self, app: Flask, services: Services, gate: TokenGate, access_log: AccessLog | None = None) -> None:
        self._app = app
        self._services = services
        self._gate = gate
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        only_options = scope["method"] == "OPTIONS" and not self._asks_by_options(scope)
        if not only_options and not self._admits(scope):
            await _send(scope, unauthorized(self._services), send)
            return
        body = await _read(receive)
        if body is None:
            await _send_too_large(send)
            return
        if only_options:
            await self._options(scope, send)
            return
        start = time.perf_counter()
        response, path = self._call(scope, body)
        if isinstance(response, Pending):
            try:
                response = await response.work
            except asyncio.CancelledError:
                # The controller ends. Whether the work was done is not known here: the caller has to look, or repeat.
                response = stopping(self._services)
        if isinstance(response, EventStream):
            await _send_events(response, receive, send)
            return
        try:
            await _send(scope, response, send)
        finally:
            took_s = time.perf_counter() - start
            self._services.instruments.traffic.add(scope["method"], path, response.status_code, took_s)
            if self._access_log is not None:
                self._access_log.add((scope.get("client") or ("-", 0))[0], scope["method"], scope["path"],
                                     response.status_code, took_s)

    def _admits(self, scope: Scope) -> bool:
        return self._gate.admits(scope["path"], scope["headers"], (scope.get("client") or ("", 0))[0],
                                 scope["method"])

    def _asks_by_options(self, scope: Scope) -> bool:
        """Whether the route table has an OPTIONS of its own there, and this is no browser that asks what it may do."""
        preflight = any(name == b"access-control-request-method" for name, _ in scope["headers"])
        return not preflight and has_options_route(self._app, scope["path"])

    def _call(self, scope: Scope, body: bytes) -> tuple[Response, str]:
        """The answer, and the path of the route that gives it ("" where there is none)."""
        with self._app.request_context(_environ(scope, body)) as context:
            response = self._app.full_dispatch_request()
            rule = context.request.url_rule
            return response, rule.rule if rule is not None else ""

    async def _options(self, scope: Scope, send: Send) -> None:
        allow = ",".join(allowed_methods(self._app, scope["path"]))
        headers = [(b"content-type", b"application/json"), (b"allow", allow.encode()),
                   (b"access-control-allow-origin", b"*"), (b"access-control-allow-methods", allow.encode()),
                   (b"access-control-allow-headers", b"origin, content-type, accept, authorization"),
                   (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 200 if allow else 404, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


async def _read(receive: Receive) -> bytes | None:
    """The request's body; None when it is larger than the limit."""
    pieces, size = [], 0
    while True:
        message = await receive()
        piece = message.get("body", b"")
        size += len(piece)
        if size > MAX_BODY_BYTES:
            return None
        pieces.append(piece)
        if not message.get("more_body"):
            return b"".join(pieces)


def _environ(scope: Scope, body: bytes) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"], "SCRIPT_NAME": "",
        "PATH_INFO": unquote(scope["raw_path"].split(b"?")[0].decode("latin-1"), encoding="latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"), "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": "linstor", "SERVER_PORT": "0", "REMOTE_ADDR": (scope.get("client") or ("", 0))[0],
        "wsgi.version": (1, 0), "wsgi.url_scheme": scope["scheme"], "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(), "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(body)), BODY: body,
    }
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            environ[key] = value.decode("latin-1")
        elif key != "CONTENT_LENGTH":
            environ[f"HTTP_{key}"] = value.decode("latin-1")
    return environ


def _accepts_gzip(scope: Scope) -> bool:
    return any(name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"])


async def _send(scope: Scope, response: Response, send: Send) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()
               if name.lower() != "content-length"]
    if response.is_streamed:
        await _send_stream(scope, response, headers, send)
        return
    body = response.get_data()
    if len(body) >= GZIP_FROM_BYTES and _accepts_gzip(scope):
        packer = zlib.compressobj(1, wbits=31)
        body = packer.compress(body) + packer.flush()
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def _send_stream(scope: Scope, response: Response, headers: list[tuple[bytes, bytes]], send: Send) -> None:
    packed = response.mimetype in PACKED_ALREADY
    packer = zlib.compressobj(1, wbits=31) if _accepts_gzip(scope) and not packed else None
    if packer is not None:
        headers.append((b"content-encoding", b"gzip"))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    if scope["method"] != "HEAD":
        for piece in response.response:
            data = piece if isinstance(piece, bytes) else piece.encode()
            await send({"type": "http.response.body", "body": packer.compress(data) if packer else data,
                        "more_body": True})
            await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": packer.flush() if packer else b""})


async def _send_events(response: EventStream, receive: Receive, send: Send) -> None:
    """Send events until either side ends; the listener's leaving is noticed at once."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()
               if name.lower() != "content-length"]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    sending = asyncio.create_task(_send_each(response, send))
    leaving = asyncio.create_task(_until_left(receive))
    _, pending = await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)


async def _send_each(response: EventStream, send: Send) -> None:
    async for piece in response.events:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_too_large(send: Send) -> None:
    refusal = entry(Severity.ERROR, Code.INVLD_REQUEST, 0, f"The body has more than {MAX_BODY_BYTES} bytes.",
                    correction="No call of this API needs that much: send only the fields that it takes.")
    body = msgspec.json.encode([refusal])
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()),
               (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})

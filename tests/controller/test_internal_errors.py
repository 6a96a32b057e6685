"""A fault of the controller's own, through the whole application: told with the id of a report that can be read."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from linstor_core.controller.app import Services, create_app
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.controller import Controller
from linstor_core.controller.diagnostics import error_report_calls
from linstor_core.controller.diagnostics.error_reports import ErrorReports
from linstor_core.controller.diagnostics.instruments import Instruments
from linstor_core.controller.diagnostics.log_ring import LogRing
from linstor_core.controller.diagnostics.resource_metrics import ResourceMetrics
from linstor_core.controller.diagnostics.traffic import Traffic
from linstor_core.controller.events import EventHub
from linstor_core.controller.keyring import Keyring
from linstor_core.controller.repository import Repository
from linstor_core.controller.route import Route
from linstor_core.controller.server import Bridge
from linstor_core.controller.token_gate import TokenGate
from linstor_core.domain.cluster import Cluster
from linstor_core.testing.builders import CountingContext, Model

SECRET = "swordfish"


def failing_read(_: Cluster, call: Call[Any]) -> object:
    raise RuntimeError(f"no {call.path['thing']}")


def failing_write(_: Cluster, __: Context, call: Call[dict[str, str]]) -> Change:
    raise KeyError("broken")


async def failing_service(_: Any, call: Call[Any]) -> object:
    await asyncio.sleep(0)
    raise ZeroDivisionError("by zero")


ROUTES = (Route("GET", "/read/<thing>", "", read=failing_read),
          Route("POST", "/write", "", write=failing_write, body=dict[str, str]),
          Route("GET", "/service", "", service=failing_service), *error_report_calls.ROUTES)


@pytest.fixture
def reports(tmp_path: Path) -> Iterator[ErrorReports]:
    found = ErrorReports(tmp_path / "error-reports", CountingContext().now_ms)
    yield found
    found.close()


async def nobody_to_ask(*_: object) -> None:
    """No satellite in these tests."""


async def ask(bridge: Bridge, method: str, path: str, body: bytes = b"", query: bytes = b"") -> tuple[int, Any]:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await bridge({"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query,
                  "headers": [(b"authorization", f"Bearer {SECRET}".encode())], "scheme": "http",
                  "http_version": "1.1", "client": ("127.0.0.1", 1)}, receive, send)
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


async def asked(tmp_path: Path, reports: ErrorReports) -> list[tuple[int, Any]]:
    repository = Repository.in_folder(tmp_path)
    repository.open()
    context, cluster = CountingContext(), Model().cluster
    controller = Controller(cluster, repository, context)
    instruments = Instruments(tmp_path, ("127.0.0.1", 0), "", repository.copy_to, reports, Traffic(), LogRing(),
                              ResourceMetrics(), context.now_ms)
    services = Services(controller=controller, events=EventHub(), keyring=Keyring(), now_ms=context.now_ms,
                        reconnect=lambda _: None, ask=nobody_to_ask, instruments=instruments)
    bridge = Bridge(create_app(services, ROUTES), services, TokenGate(cluster, context.now_ms))
    try:
        answers = [await ask(bridge, "GET", "/read/cheese", query=b"limit=1"),
                   await ask(bridge, "POST", "/write", b'{"passphrase": "%s"}' % SECRET.encode()),
                   await ask(bridge, "GET", "/service")]
        for _, entries in list(answers):
            answers.append(await ask(bridge, "GET", f"/v1/error-reports/{entries[0]['error_report_ids'][0]}"))
        assert (await ask(bridge, "GET", "/v1/stats/error-reports"))[1] == {"count": 3}
        assert instruments.traffic.requests["GET", "/read/<thing>", 500].counts
    finally:
        await controller.stop()
        repository.close()
    return answers


def test_every_way_to_fail_is_told_and_reported(tmp_path: Path, reports: ErrorReports,
                                                caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL):
        answers = asyncio.run(asked(tmp_path, reports))
    told, read = answers[:3], [body[0] for _, body in answers[3:]]
    assert [status for status, _ in told] == [500, 500, 500]
    assert all(entries[0]["ret_code"] & 0x7FFF == 999 for _, entries in told)
    assert [report["exception"] for report in read] == ["RuntimeError", "KeyError", "ZeroDivisionError"]
    assert [report["peer"] for report in read] == ["GET /read/cheese?limit=1", "POST /write", "GET /service"]
    assert all("Traceback" in report["text"] and report["version"] for report in read)
    assert SECRET not in json.dumps(answers)


def test_the_log_ring_keeps_the_last_lines_and_no_chatter_of_libraries() -> None:
    ring = LogRing()
    for number in range(LogRing.LINES + 5):
        ring.handle(logging.LogRecord("linstor_core.x", logging.DEBUG, "", 0, "line %d", (number,), None))
    ring.handle(logging.LogRecord("websockets", logging.DEBUG, "", 0, "frame with a secret", None, None))
    ring.handle(logging.LogRecord("websockets", logging.WARNING, "", 0, "x" * 10_000, None, None))
    lines = ring.text().splitlines()
    assert len(lines) == LogRing.LINES and lines[0].endswith("line 6") and "secret" not in ring.text()
    assert len(lines[-1]) == LogRing.LINE_CHARACTERS

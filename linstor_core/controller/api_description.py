"""Serves the OpenAPI document and a page that shows it."""

from __future__ import annotations

import functools
import json
from importlib import resources
from itertools import groupby
from typing import Any

import jinja2

from linstor_core.controller import query_parameters
from linstor_core.controller.call import Call
from linstor_core.controller.diagnostics.exposition import Exposition
from linstor_core.controller.events import JOBS, NODES, PROMOTION, STREAMS, Stream
from linstor_core.controller.queries.controller import REST_API_VERSION
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain.cluster import Cluster
from linstor_core.wire import openapi


class Html(str):
    """A text that is a page."""


_MEDIA = {Stream: "text/event-stream", str: "text/plain", Exposition: "text/plain", Html: "text/html",
          bytes: "application/octet-stream"}

_TOLD = {NODES: "What happens to nodes", PROMOTION: "Which resources may be promoted where",
         JOBS: "How jobs go on"}
_LISTENING = tuple(Route("GET", f"/v1/events/{stream}", f"{_TOLD[stream]}: server-sent events without an end; with the "
                         "header Last-Event-ID those that came after it, as far as they are still known",
                         answer=Stream, media_types=("text/event-stream",)) for stream in STREAMS)
"""Only described here: the server itself keeps these connections open."""


def routes_describing(table: tuple[Route, ...]) -> tuple[Route, ...]:
    """The rows that describe `table` and themselves."""

    @functools.cache
    def document() -> dict[str, Any]:
        return openapi.document(complete, version=REST_API_VERSION, no_body=NoBody, media=_MEDIA,
                                parameters=query_parameters.by_call(complete))

    @functools.cache
    def page() -> str:
        return _page(document())

    def as_json(_: Cluster, __: Call[Any]) -> object:
        return document()

    def as_page(_: Cluster, __: Call[Any]) -> object:
        return Html(page())

    own = (Route("GET", "/v1/openapi.json", "This description of the REST API", read=as_json, answer=dict[str, Any]),
           Route("GET", "/docs", "The description of the REST API as a page", read=as_page, answer=Html))
    complete = (*table, *_LISTENING, *own)
    return own



def _page(document: dict[str, Any]) -> str:
    template = (resources.files("linstor_core.web") / "templates" / "api.html").read_text(encoding="utf-8")
    calls = [_call(method, path, operation) for path, methods in document["paths"].items()
             for method, operation in methods.items()]
    calls.sort(key=lambda call: (call["tag"], call["path"], call["method"]))
    groups = [(tag, list(members)) for tag, members in groupby(calls, key=lambda call: call["tag"])]
    return jinja2.Environment(autoescape=True).from_string(template).render(document=document, groups=groups)


def _call(method: str, path: str, operation: dict[str, Any]) -> dict[str, str]:
    answers = [response for status, response in operation["responses"].items() if status.startswith("2")]
    return {"method": method.upper(), "path": path, "summary": operation["summary"], "tag": operation["tags"][0],
            "body": _schema(operation.get("requestBody")), "answer": _schema(answers[0])}


def _schema(part: dict[str, Any] | None) -> str:
    if not part or "content" not in part:
        return ""
    return json.dumps(next(iter(part["content"].values()))["schema"], indent=2)

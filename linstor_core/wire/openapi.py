"""The OpenAPI document, generated from the route table so that it can't fall behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from linstor_core.wire.api_call_rc import ApiCallRc

_PLACEHOLDER = re.compile(r"<(?:\w+:)?(\w+)>")


class Row(Protocol):
    """What the document needs to know of a route."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def write(self) -> object: ...
    @property
    def body(self) -> Any: ...
    @property
    def answer(self) -> Any: ...
    @property
    def success(self) -> int: ...


def document(rows: Iterable[Row], *, version: str, no_body: type) -> dict[str, Any]:
    """An OpenAPI 3.1 document. `no_body` is the body type of calls that have none."""
    table = list(rows)
    types: list[Any] = [ApiCallRc]
    for row in table:
        types += [kind for kind in (row.body, row.answer) if kind not in (None, no_body)]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    known = dict(zip(map(_identity, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for row in table:
        path = _PLACEHOLDER.sub(r"{\1}", row.path)
        paths.setdefault(path, {})[row.method.lower()] = _operation(row, known, no_body)
    return {"openapi": "3.1.0",
            "info": {"title": "LINSTOR REST API", "version": version, "license": {"name": "GPL-3.0-or-later"}},
            "paths": dict(sorted(paths.items())), "components": {"schemas": components}}


def _identity(kind: Any) -> str:
    return repr(kind)


def _operation(row: Row, known: dict[str, Any], no_body: type) -> dict[str, Any]:
    result_list = {"type": "array", "items": known[_identity(ApiCallRc)]}
    answer = known[_identity(row.answer)] if row.answer is not None else None
    if answer is None and row.method != "GET":
        answer = result_list
    operation: dict[str, Any] = {
        "summary": row.summary,
        "operationId": re.sub(r"\W+", "_", f"{row.method.lower()}{row.path}").strip("_"),
        "tags": [_tag(row.path)],
        "responses": {
            str(row.success): _response("What was asked for", answer),
            "default": _response("A refusal: at least one entry is an error", result_list)},
    }
    names = _PLACEHOLDER.findall(row.path)
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    if row.write is not None:
        parameters.append({"name": "dry_run", "in": "query", "description": "true: answer a Plan and do nothing",
                           "schema": {"type": "boolean"}})
    if parameters:
        operation["parameters"] = parameters
    if row.body is not no_body:
        operation["requestBody"] = {"required": True,
                                    "content": {"application/json": {"schema": known[_identity(row.body)]}}}
    return operation


def _response(text: str, schema: Any) -> dict[str, Any]:
    if schema is None:
        return {"description": text}
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _tag(path: str) -> str:
    parts = [part for part in path.split("/") if part and not part.startswith("<") and part != "v1"]
    return parts[0] if parts else "controller"

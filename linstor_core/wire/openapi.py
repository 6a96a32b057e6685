"""The OpenAPI document, generated from the route table so that it can't fall behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from linstor_core.wire.api_call_rc import ApiCallRc
from linstor_core.wire.plan import Plan

_PLACEHOLDER = re.compile(r"<(?:\w+:)?(\w+)>")

_REFUSALS = {
    "400": "The body is not the JSON that this call expects",
    "401": "Tokens are demanded, and none that is valid was sent",
    "403": "The caller may not do this",
    "404": "An object that was named does not exist, or the path is unknown",
    "406": "The caller accepts no kind of answer that this call gives",
    "415": "The body is not sent as application/json",
    "500": "The call is refused: cause and correction say why, and what to do. Also a fault of the controller itself",
}
_WITH_BODY = ("400", "415")
_ONLY_JSON = ("406",)
_OF_PLANS = ("403", "404", "500")

_DESCRIPTION = """\
The REST API v1 of LINSTOR 1.34.

* Names are compared without regard to case and shown as they were given. Sizes are KiB, times milliseconds since 1970.
* A call that changes something answers a list of entries (ApiCallRc), one a step. Bits 62 and 63 of `ret_code` say
  whether it is a success (0), an information (1), a warning (2) or an error (3), the low 15 bits what it is about.
* A call that is refused has changed nothing. Its status follows from the first error: 404 for what does not exist, 403
  for what is forbidden, 500 for every other refusal. A `ret_code` that ends in 999 is a fault of the controller.
* A body with unknown fields or wrong types is refused with status 400.
* With `dry_run=true` a call that changes something tells the exact change and does nothing."""


class Parameter(Struct, frozen=True):
    """A parameter in a URL's query. `kind` is JSON Schema's type; `repeated` ones may be given several times."""

    name: str
    kind: str
    description: str
    repeated: bool = False


DRY_RUN = Parameter("dry_run", "boolean", "Answer what the call would change (a Plan), and change nothing.")


class Row(Protocol):
    """What the document needs to know of a route."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def body(self) -> Any: ...
    @property
    def answer(self) -> Any: ...
    @property
    def success(self) -> int: ...
    @property
    def lenient(self) -> bool: ...


def document(rows: Iterable[Row], *, version: str, no_body: type, media: Mapping[Any, str],
             parameters: Mapping[str, tuple[Parameter, ...]]) -> dict[str, Any]:
    """An OpenAPI 3.1 document.

    `no_body` is the body type of calls that have none. `media` gives the media types of answers that are no JSON by
    their answer type, `parameters` the query parameters by "METHOD path".
    """
    table = list(rows)
    types: list[Any] = [ApiCallRc, Plan]
    for row in table:
        types += [kind for kind in (row.body, None if row.answer in media else row.answer)
                  if kind not in (None, no_body)]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    known = dict(zip(map(_identity, types), schemas, strict=True))
    entries = {"type": "array", "items": known[_identity(ApiCallRc)]}
    paths: dict[str, dict[str, Any]] = {}
    for row in table:
        asked = parameters.get(f"{row.method} {row.path}", ())
        operation = _operation(row, known, no_body)
        operation["parameters"] = [*_in_path(row), *map(_in_query, asked)]
        planned = {"200": _response("The plan", "application/json", known[_identity(Plan)])} if DRY_RUN in asked else {}
        operation["responses"] = {**planned,
                                  str(row.success): _success(row, known, media, entries, plans=bool(planned)),
                                  **_refusals(row, no_body, media, plans=bool(planned))}
        paths.setdefault(_PLACEHOLDER.sub(r"{\1}", row.path), {})[row.method.lower()] = operation
    refusals = {f"Refusal{status}": _response(text, "application/json", entries)
                for status, text in _REFUSALS.items()}
    refusals |= {f"RefusalOrPlan{status}": _response(f"{_REFUSALS[status]}. With dry_run it comes in a plan",
                                                     "application/json", {"anyOf": [entries, known[_identity(Plan)]]})
                 for status in _OF_PLANS}
    refusals["Refusal"] = _response("A refusal: at least one entry is an error", "application/json", entries)
    token = {"type": "http", "scheme": "bearer", "description": "Asked for once token authentication is initialized."}
    return {"openapi": "3.1.0",
            "info": {"title": "LINSTOR REST API", "version": version, "summary": "Software-defined block storage",
                     "description": _DESCRIPTION,
                     "license": {"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"}},
            "paths": dict(sorted(paths.items())), "security": [{}, {"token": []}],
            "components": {"schemas": components, "responses": refusals, "securitySchemes": {"token": token}}}


def _identity(kind: Any) -> str:
    return repr(kind)


def _operation(row: Row, known: dict[str, Any], no_body: type) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": row.summary,
        "operationId": re.sub(r"\W+", "_", f"{row.method.lower()}{row.path}").strip("_"),
        "tags": [_tag(row.path)],
    }
    if row.body is not no_body:
        operation["requestBody"] = {"required": not row.lenient,
                                    "content": {"application/json": {"schema": known[_identity(row.body)]}}}
    return operation


def _success(row: Row, known: dict[str, Any], media: Mapping[Any, str], entries: dict[str, Any], *,
             plans: bool) -> dict[str, Any]:
    text = "What was asked for"
    if row.answer in media:
        return _response(text, media[row.answer], {"type": "string"})
    if row.answer is None and row.method == "GET":
        return {"description": text}
    schema = entries if row.answer is None else known[_identity(row.answer)]
    if row.answer is None:
        text = "An entry for each step"
    return _response(text, "application/json", {"anyOf": [schema, known[_identity(Plan)]]} if plans else schema)


def _refusals(row: Row, no_body: type, media: Mapping[Any, str], *, plans: bool) -> dict[str, Any]:
    """By status; what else may happen (405 for another method on the path, for instance) is the default."""
    left_out = (_WITH_BODY if row.body is no_body else ()) + (_ONLY_JSON if row.answer in media else ())
    name = {status: f"RefusalOrPlan{status}" if plans and status in _OF_PLANS else f"Refusal{status}"
            for status in _REFUSALS}
    found = {status: {"$ref": f"#/components/responses/{name[status]}"} for status in _REFUSALS
             if status not in left_out}
    return {**found, "default": {"$ref": "#/components/responses/Refusal"}}


def _in_path(row: Row) -> list[dict[str, Any]]:
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _PLACEHOLDER.findall(row.path)]


def _in_query(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": parameter.kind}
    if parameter.repeated:
        schema = {"type": "array", "items": schema}
    return {"name": parameter.name, "in": "query", "required": False, "description": parameter.description,
            "schema": schema}


def _response(text: str, media_type: str, schema: Any) -> dict[str, Any]:
    return {"description": text, "content": {media_type: {"schema": schema}}}


def _tag(path: str) -> str:
    parts = [part for part in path.split("/") if part and not part.startswith("<") and part != "v1"]
    return parts[0] if parts else "controller"

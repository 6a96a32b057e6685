"""The REST application: Flask as the router over the route table, one place for errors. The only module with Flask."""

from __future__ import annotations

import datetime
import functools
import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from typing import Any

import msgspec
from flask import Flask, Request, Response, has_request_context, request
from msgspec import structs
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotAcceptable, UnsupportedMediaType
from werkzeug.routing import BaseConverter, MapAdapter

from linstor_core.controller import plans, request_body
from linstor_core.controller.api_description import Html
from linstor_core.controller.call import Call, Content, Encoded
from linstor_core.controller.certificate_office import CertificateOffice
from linstor_core.controller.controller import Controller
from linstor_core.controller.diagnostics.instruments import Instruments, SetLogLevels
from linstor_core.controller.events import STREAMS, EventHub
from linstor_core.controller.keyring import Keyring
from linstor_core.controller.node_files import CheckFile
from linstor_core.controller.physical_storage import NodeDevices, NoDevices
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain.errors import Code, InvalidInput, LinstorError
from linstor_core.wire.api_call_rc import ApiCallRc, Severity, entry, http_status
from linstor_core.wire.plan import Plan

log = logging.getLogger(__name__)

BAD_JSON = -0x3000000000000003
"""What LINSTOR answers for a body that is not the JSON it expects (0xcffffffffffffffd, signed)."""

BODY = "linstor.body"
"""Where the server puts a request's whole body into its environment."""

JSON_HEADERS = (("Content-Type", "application/json"), ("Access-Control-Allow-Origin", "*"))


class Pending(Response):
    """An answer that is still being worked out: the server awaits `work` and sends what it gives.

    It is never sent itself, so none of a response's parts is made for it.
    """

    def __init__(self, work: Coroutine[Any, Any, Response]) -> None:
        self.work = work


class EventStream(Response):
    """An answer without an end: the server sends what `events` yields until the listener leaves."""

    events: AsyncIterator[bytes]


class _Anything(BaseConverter):
    """A rest of the path that may start with a slash: the path of a file."""

    regex = ".+?"
    part_isolating = False
    weight = 300


class _Application(Flask):
    """Flask, told that the host has no say in routing: it would work that out twice for every request."""

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        if request is None:
            return None
        return MapAdapter(self.url_map, "linstor", "", "", request.scheme, request.path, request.method)


async def _no_satellite(_: str, __: dict[str, str]) -> None:
    """For a controller without satellites."""


async def _no_file(_: str, __: str) -> None:
    """For a controller without satellites."""


class Services(msgspec.Struct):
    """What a route may use beyond the model: the controller and whatever stands beside it."""

    controller: Controller
    events: EventHub
    keyring: Keyring
    now_ms: Callable[[], int]
    reconnect: Callable[[str], None]
    ask: plans.Ask
    instruments: Instruments
    set_log_levels: SetLogLevels = _no_satellite
    check_file: CheckFile = _no_file
    office: CertificateOffice | None = None
    """Gives certificates."""
    devices: NodeDevices = NoDevices()


def create_app(services: Services, routes: Iterable[Route]) -> Flask:
    """A Flask application whose every URL is a row of `routes`."""
    app = _Application("linstor_core.controller", static_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.redirect_defaults = False
    app.url_map.merge_slashes = False
    app.url_map.converters["anything"] = _Anything
    for route in routes:
        _add(app, services, route)
    for stream in STREAMS:
        app.add_url_rule(f"/v1/events/{stream}", stream, functools.partial(_listen, services, stream), methods=["GET"])
    app.register_error_handler(Exception, lambda fault: _refusal(services, fault, 0))
    return app


def _add(app: Flask, services: Services, route: Route) -> None:
    decoder = None if route.body is NoBody else msgspec.json.Decoder(route.body)
    empty = NoBody() if decoder is None else None

    def view(**path: str) -> Response:
        try:
            _check_accept(route)
            body = empty if decoder is None else _body(decoder, route)
            call = Call(body, path, _query(), route.mask)
            if route.read is not None:
                return _answer(route.read(services.controller.cluster, call))
            work = _serve(services, route, call) if route.service is not None else _write(services, route, call)
            return Pending(_answered(services, route, work, _request_line()))
        except (LinstorError, HTTPException, msgspec.DecodeError) as fault:
            return _refusal(services, fault, route.mask)

    endpoint = f"{route.method} {route.path}"
    app.add_url_rule(route.path, endpoint, view, methods=[route.method])


def _listen(services: Services, stream: str) -> Response:
    text = request.headers.get("Last-Event-ID", "")
    response = EventStream(content_type="text/event-stream",
                           headers={"Access-Control-Allow-Origin": "*", "Cache-Control": "no-cache"})
    response.events = services.events.listen(stream, int(text) if re.fullmatch("[0-9]{1,18}", text) else None)
    return response


def allowed_methods(app: Flask, path: str) -> list[str]:
    """The methods that the table has for a path, in LINSTOR's order (for OPTIONS)."""
    adapter = app.url_map.bind("")
    found = set(adapter.allowed_methods(path))
    return [method for method in ("HEAD", "POST", "GET", "OPTIONS", "PUT", "DELETE", "PATCH") if method in found]


def has_options_route(app: Flask, path: str) -> bool:
    """Whether OPTIONS is a row of the table for this path; Flask answers it by itself elsewhere."""
    return f"OPTIONS {path}" in app.view_functions


async def _answered(services: Services, route: Route, work: Coroutine[Any, Any, Response], line: str) -> Response:
    """Work that ends outside Flask: its exceptions become answers here."""
    try:
        return await work
    except Exception as fault:
        return _refusal(services, fault, route.mask, line)


def _request_line() -> str:
    """What was asked for, for error reports; without headers and body, which may hold secrets."""
    return f"{request.method} {request.full_path.removesuffix('?')}" if has_request_context() else ""


async def _plan(services: Services, route: Route, call: Call[Any]) -> Response:
    """The answer to a call with `?dry_run=true`."""
    assert route.write is not None
    cluster = services.controller.head
    try:
        change = route.write(cluster, services.controller.context, call)
    except LinstorError as fault:
        entries = (_stamp(services, refusal_entry(fault, route.mask)),)
        return _json(Plan(entries), http_status(entries, 200))
    return _json(await plans.plan(cluster, change, services.ask), 200)


async def _write(services: Services, route: Route, call: Call[Any]) -> Response:
    write = route.write
    assert write is not None
    if call.flag("dry_run"):
        return await _plan(services, route, call)
    try:
        entries = await services.controller.apply(lambda cluster, context: write(cluster, context, call))
    except LinstorError as fault:
        if fault.status is not None:
            return _refusal(services, fault, route.mask)
        entries = [refusal_entry(fault, route.mask)]
    stamped = [_stamp(services, item) for item in entries]
    status = http_status(stamped, route.success)
    return _json(stamped if route.answer_of is None else route.answer_of(call, stamped), status)


async def _serve(services: Services, route: Route, call: Call[Any]) -> Response:
    assert route.service is not None
    if route.method != "GET" and call.flag("dry_run"):
        raise InvalidInput("What this call would do can't be told beforehand.", Code.INVLD_REQUEST,
                           cause="It acts outside of the cluster's objects.", correction="Leave out dry_run.")
    result = await route.service(services, call)
    if isinstance(result, Response):
        return result
    if isinstance(result, list) and result and isinstance(result[0], ApiCallRc):
        stamped = [_stamp(services, item) for item in result]
        return _json(stamped, http_status(stamped, route.success))
    return _answer(result, route.success)


def _check_accept(route: Route) -> None:
    accept = request.accept_mimetypes
    offered = () if route.answer in (str, Html) else route.media_types
    if accept and offered and accept.best_match(offered) is None:
        raise NotAcceptable()


def _query() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, values in request.args.lists():
        found.setdefault(key.lower(), []).extend(values)
    return found


def _body(decoder: msgspec.json.Decoder[Any], route: Route) -> Any:
    data: bytes = request.environ[BODY]
    if not data and route.lenient:
        return decoder.decode(b"{}")
    media = request.content_type
    if data and media and request.mimetype != "application/json":
        raise UnsupportedMediaType()
    return request_body.decode(decoder, data)


def _answer(result: object, status: int = 200) -> Response:
    if isinstance(result, Encoded):
        return _bytes(result.chunks, status)
    if isinstance(result, Response):
        return result
    if isinstance(result, Content):
        return _content(result)
    if isinstance(result, Html):
        return Response(result, status, content_type="text/html; charset=utf-8")
    if isinstance(result, str):
        return Response(result, status, content_type="text/plain; charset=utf-8")
    if result is None:
        return Response(status=status, headers={"Access-Control-Allow-Origin": "*"})
    return _json(result, status)


def _content(content: Content) -> Response:
    response = Response(content.body, content.status, content_type=content.media_type,
                        headers={"Access-Control-Allow-Origin": "*"})
    if content.file_name:
        response.headers["Content-Disposition"] = f'attachment; filename="{content.file_name}"'
    return response


def _json(value: object, status: int) -> Response:
    return _bytes(msgspec.json.encode(value), status)


def _bytes(body: bytes | Iterator[bytes], status: int) -> Response:
    return Response(body, status, Headers(JSON_HEADERS))


def refusal_entry(fault: LinstorError, mask: int) -> ApiCallRc:
    return entry(Severity.ERROR, fault.code or Code.IMPL_ERROR, 0 if fault.bare else mask, fault.message,
                 cause=fault.cause, details=fault.details, correction=fault.correction, obj_refs=fault.refs)


def _refusal(services: Services, fault: Exception, mask: int, line: str = "") -> Response:
    """The one place where an exception becomes an answer; `line` is the request where that is over already."""
    headers: list[tuple[str, str]] = []
    if isinstance(fault, LinstorError):
        item = refusal_entry(fault, mask)
        status = fault.status or http_status([item], 200)
    elif isinstance(fault, msgspec.DecodeError):
        item, status = _bad_json(fault), 400
    elif isinstance(fault, HTTPException):
        item, status = _http_refusal(fault), fault.code or 500
        if isinstance(fault, MethodNotAllowed) and fault.valid_methods:
            headers.append(("Allow", ",".join(sorted(fault.valid_methods))))
    else:
        item, status = _internal(services, fault, mask, line or _request_line()), 500
    response = _json([_stamp(services, item)], status)
    for name, value in headers:
        response.headers[name] = value
    return response


def _internal(services: Services, fault: Exception, mask: int, line: str) -> ApiCallRc:
    log.error("A request failed: %s", line, exc_info=fault)
    item = entry(Severity.ERROR, Code.IMPL_ERROR, mask, "The controller failed to serve this request.",
                 cause=f"{type(fault).__name__}: {fault}",
                 correction="This is a fault of the controller: please report it with an SOS report "
                            "(GET /v1/sos-report).")
    number = services.instruments.error_reports.record(fault, line)
    return structs.replace(item, error_report_ids=(number,)) if number else item


def _bad_json(fault: msgspec.DecodeError) -> ApiCallRc:
    return ApiCallRc(BAD_JSON, "The request body is not what this call expects.", cause=str(fault),
                     correction="Send a JSON object with the fields that the REST documentation names.")


def _http_refusal(fault: HTTPException) -> ApiCallRc:
    return entry(Severity.ERROR, Code.UNKNOWN_ERROR, 0, f"{request.method} {request.path}: {fault.name}.",
                 details=fault.description or "",
                 correction="GET /v1/openapi.json lists the paths and methods of this controller.")


def unauthorized(services: Services) -> Response:
    """What a caller without a valid token is told."""
    item = entry(Severity.ERROR, Code.ACC_DENIED_TOKEN, 0, "This controller wants a valid bearer token.",
                 correction="Send the header 'Authorization: Bearer TOKEN' with a token that is neither expired nor "
                            "suspended, from an address that it admits.")
    response = _json([_stamp(services, item)], 401)
    response.headers["WWW-Authenticate"] = 'Bearer realm="linstor-controller"'
    return response


def stopping(services: Services) -> Response:
    """What a caller is told whose request did not end before the controller had to."""
    item = entry(Severity.ERROR, Code.BUSY, 0, "The controller is being stopped.",
                 cause="The request was still being worked on.",
                 correction="Repeat it when the controller is back; what was done already is found done.")
    response = _json([_stamp(services, item)], 503)
    response.headers["Retry-After"] = "2"
    return response


def _stamp(services: Services, item: ApiCallRc) -> ApiCallRc:
    if item.created_at:
        return item
    moment = datetime.datetime.fromtimestamp(services.now_ms() / 1000, datetime.UTC)
    return structs.replace(item, created_at=moment.isoformat())


__all__ = ["EventStream", "Pending", "Services", "allowed_methods", "create_app", "has_options_route", "refusal_entry",
           "stopping", "unauthorized"]

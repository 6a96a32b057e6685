"""What calls take in the query of their URL, for their description; a test holds it to the routes."""

from __future__ import annotations

from collections.abc import Iterable

from linstor_core.controller.route import Route
from linstor_core.wire.openapi import DRY_RUN, Parameter


def _names(name: str, of_what: str) -> Parameter:
    return Parameter(name, "string", f"Only these {of_what}; compared without regard to case.", repeated=True)


_LIMIT = Parameter("limit", "integer", "At most so many; 0 or less for all.")
_OFFSET = Parameter("offset", "integer", "How many to leave out first; without a limit it means nothing.")
_PROPS = Parameter("props", "string", "Only objects with this property: `key` or `key=value`.", repeated=True)
_PAGE = (_LIMIT, _OFFSET)
_NODES = _names("nodes", "nodes")
_POOLS = _names("storage_pools", "storage pools")
_PLACE_COUNT = Parameter("place_count", "integer", "How many replicas; else what the group asks for.")
_SINCE = Parameter("since", "integer", "From this time on, in ms since 1970.")
_FORCED = (Parameter("force", "boolean", "End it although a satellite can't remove it; a tombstone stays."),
           Parameter("abandon", "boolean", "With force: no tombstone either, the data turns up as an orphan."))

_BY_CALL: dict[str, tuple[Parameter, ...]] = {
    "GET /v1/nodes": (_NODES, _PROPS, *_PAGE),
    "GET /v1/view/storage-pools": (_NODES, _POOLS, _PROPS, *_PAGE),
    "GET /v1/nodes/<node>/storage-pools": (_POOLS, _PROPS, *_PAGE),
    "GET /v1/storage-pool-definitions": (_names("storage_pool_definitions", "definitions"), *_PAGE),
    "GET /v1/resource-groups": (_names("resource_groups", "groups"), _PROPS, *_PAGE),
    "GET /v1/resource-groups/<group>/volume-groups": _PAGE,
    "GET /v1/resource-groups/<group>/explain": (
        _PLACE_COUNT, Parameter("size_kib", "integer", "The size of all volumes together.")),
    "GET /v1/resource-definitions/<resource>/explain": (_PLACE_COUNT,),
    "GET /v1/resource-definitions": (
        _names("resource_definitions", "definitions"), _names("resource_groups", "groups"), _PROPS, *_PAGE,
        Parameter("with_volume_definitions", "boolean", "With the volume definitions of each.")),
    "GET /v1/view/resources": (_NODES, _names("resources", "resources"), _POOLS, _PROPS, *_PAGE),
    "GET /v1/resource-definitions/<resource>/resources": (_NODES, _POOLS, _PROPS, *_PAGE),
    "GET /v1/view/snapshots": (_NODES, _names("resources", "resources"), _names("snapshots", "snapshots"), *_PAGE),
    "GET /v1/resource-definitions/<resource>/snapshots": (_NODES, _names("snapshots", "snapshots"), *_PAGE),
    "GET /v1/node-connections": (Parameter("node_a", "string", "Only connections of this node."),
                                 Parameter("node_b", "string", "Only connections with this node, too.")),
    "GET /v1/files": (Parameter("content", "boolean", "With what is in them."),),
    "GET /v1/view/schedules-by-resource": (
        _names("rsc", "resources"), _names("remote", "remotes"), _names("schedule", "schedules"),
        Parameter("active-only", "boolean", "Without what is switched off.")),
    "GET /v1/view/schedules-by-resource/<resource>": (_names("remote", "remotes"), _names("schedule", "schedules")),
    "GET /v1/error-reports": (
        _names("node", "nodes"), _SINCE, Parameter("to", "integer", "Up to this time, in ms since 1970."),
        _names("reportids", "reports; the beginning of an id is enough"),
        Parameter("withContent", "boolean", "With the text of each report.")),
    "GET /v1/sos-report": (_SINCE,),
    "GET /v1/sos-report/download": (_SINCE,),
    "GET /metrics": (Parameter("resource", "boolean", "With those of resources and volumes (true)."),
                     Parameter("storage_pools", "boolean", "With those of storage pools (true)."),
                     Parameter("error_reports", "boolean", "With the number of error reports (true).")),
    "DELETE /v1/resource-definitions/<resource>": _FORCED,
    "DELETE /v1/resource-definitions/<resource>/resources/<node>": _FORCED,
    "DELETE /v1/resource-definitions/<resource>/snapshots/<snapshot>": (_names("nodes", "nodes"), *_FORCED),
    "GET /v1/tombstones": (_NODES, _names("resources", "resources"), *_PAGE),
    "GET /v1/orphans": (_NODES, *_PAGE),
    "DELETE /v1/remotes": (Parameter("remote_name", "string", "The remote to delete."),),
}

DESCRIBED = frozenset(_BY_CALL)
"""The calls that have parameters of their own, as "METHOD path"."""


def by_call(routes: Iterable[Route]) -> dict[str, tuple[Parameter, ...]]:
    """The parameters by "METHOD path" of the route; whatever changes the model can be tried with `dry_run`."""
    calls = {f"{route.method} {route.path}": route for route in routes}
    return {call: (*_BY_CALL.get(call, ()), *((DRY_RUN,) if route.write is not None else ()))
            for call, route in calls.items()}

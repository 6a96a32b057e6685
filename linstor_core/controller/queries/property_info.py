"""Which properties objects may have, as REST shows it."""

from __future__ import annotations

from typing import Any

from linstor_core.controller.call import Call, Read
from linstor_core.controller.properties import RULES, TABLE
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.property_rules import ObjectKind
from linstor_core.wire.rest_v1 import PropertyInfo

Infos = dict[str, PropertyInfo]


def _infos(kind: str) -> Infos:
    return {name: PropertyInfo(info=rule.info, prop_type=rule.type, value=rule.value, dflt=rule.dflt, unit=rule.unit)
            for name, rule in RULES.of(kind).items()}


_ALL = {kind: _infos(kind) for kind in TABLE.objects}
_PROXY = {kind: infos for kind, infos in _ALL.items() if kind.startswith("DRBD_PROXY")}


def _of(kind: ObjectKind) -> Read:
    infos = _infos(kind)

    def info(_: Cluster, __: Call[Any]) -> object:
        return infos

    return info


def everything(_: Cluster, __: Call[Any]) -> object:
    return _ALL


def proxy(_: Cluster, __: Call[Any]) -> object:
    return _PROXY


_DEFINITION = "/v1/resource-definitions/<resource>"
_PATHS = {
    "/v1/controller": ObjectKind.CONTROLLER,
    "/v1/nodes": ObjectKind.NODE,
    "/v1/nodes/<node>/storage-pools": ObjectKind.STORAGE_POOL,
    "/v1/storage-pool-definitions": ObjectKind.STORAGE_POOL_DEFINITION,
    "/v1/resource-groups": ObjectKind.RESOURCE_GROUP,
    "/v1/resource-groups/<group>/volume-groups": ObjectKind.VOLUME_GROUP,
    "/v1/resource-definitions": ObjectKind.RESOURCE_DEFINITION,
    f"{_DEFINITION}/volume-definitions": ObjectKind.VOLUME_DEFINITION,
    f"{_DEFINITION}/resources": ObjectKind.RESOURCE,
    f"{_DEFINITION}/resources/<node>/volumes": ObjectKind.VOLUME,
    f"{_DEFINITION}/resource-connections": ObjectKind.RESOURCE_CONNECTION,
}

ROUTES = (
    *(Route("GET", f"{path}/properties/info", f"Properties of kind {kind}", read=_of(kind), answer=Infos)
      for path, kind in _PATHS.items()),
    Route("GET", "/v1/controller/properties/info/all", "Properties of all kinds of objects", read=everything,
          answer=dict[str, Infos]),
    Route("GET", f"{_DEFINITION}/drbd-proxy/properties/info", "Properties of DRBD Proxy", read=proxy,
          answer=dict[str, Infos]),
)

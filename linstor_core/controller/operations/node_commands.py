"""What callers ask machines to do that satellites of this release don't: each call says so, and what to do instead."""

from __future__ import annotations

from typing import Any

import msgspec

from linstor_core.controller import lookups
from linstor_core.controller.call import Call, Content
from linstor_core.controller.change import Change, Context
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, Conflict, InvalidInput
from linstor_core.domain.storage_pools import ProviderKind
from linstor_core.wire.api_call_rc import Operation, Subject
from linstor_core.wire.rest_on_nodes import PhysicalStorageCreate

NO_NODES = {"error": "'nodes' must be a non-empty list"}
"""LINSTOR's own words: this answer is no ApiCallRc there."""


def run_reactorctl(cluster: Cluster, call: Call[dict[str, Any]]) -> object:
    """Which arguments there are besides `nodes`, DRBD Reactor says: none is checked."""
    nodes = call.body.get("nodes")
    if not isinstance(nodes, list) or not nodes:
        return Content(msgspec.json.encode(NO_NODES), "application/json", 400)
    for name in map(str, nodes):
        lookups.node(cluster, name)
    raise Conflict("drbd-reactorctl can't be run from here.", Code.LAYER_UNSUPPORTED,
                   cause="Satellites of this release do not drive DRBD Reactor.",
                   correction=f"Run drbd-reactorctl on {', '.join(map(str, nodes))} itself.",
                   refs={"Node": str(nodes[0])})


def prepare_devices(cluster: Cluster, _: Context, call: Call[PhysicalStorageCreate]) -> Change:
    """Refused; what is wrong in itself is told first."""
    kind = call.body.provider_kind
    with lookups.about(Node=call.path["node"]):
        node = lookups.node(cluster, call.path["node"])
        if kind not in set(map(str, ProviderKind)):
            raise InvalidInput(f"'{kind}' is no kind of storage.", Code.INVLD_PROVIDER,
                               correction="One of " + ", ".join(ProviderKind) + ".")
        if not call.body.device_paths:
            raise InvalidInput("No devices are named.", Code.INVLD_REQUEST, correction="Give device_paths.")
        seen = cluster.nodes_seen.get(key_of(node.name))
        raise Conflict(f"Devices of '{node.name}' can't be prepared from here.", Code.PROVIDER_UNSUPPORTED,
                       cause="Satellites of this release neither look for unused devices nor format any.",
                       details=f"Providers there: {', '.join(seen.providers) if seen is not None else 'not known'}.",
                       correction="Prepare them on the node (vgcreate, zpool create, mkfs), then register the pool "
                                  "with 'linstor storage-pool create'.")


_COMMANDS = ("disable", "enable", "evict", "restart", "status")

ROUTES = (
    *(Route("POST", f"/v1/nodes/exec/drbd-reactorctl/{command}", "Refused: satellites do not drive DRBD Reactor",
            read=run_reactorctl, body=dict[str, Any], lenient=True, mask=Subject.NODE, answer=dict[str, Any])
      for command in _COMMANDS),
    Route("POST", "/v1/physical-storage/<node>", "Refused: satellites prepare no devices", write=prepare_devices,
          body=PhysicalStorageCreate, mask=Operation.CREATE | Subject.PHYSICAL_DEVICE),
)

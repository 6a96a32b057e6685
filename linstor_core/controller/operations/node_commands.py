"""What callers ask machines to do that satellites of this release don't: each call says so, and what to do instead."""

from __future__ import annotations

from typing import Any

import msgspec

from linstor_core.controller import lookups
from linstor_core.controller.call import Call, Content
from linstor_core.controller.route import Route
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import Code, Conflict
from linstor_core.wire.api_call_rc import Subject

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


_COMMANDS = ("disable", "enable", "evict", "restart", "status")

ROUTES = (
    *(Route("POST", f"/v1/nodes/exec/drbd-reactorctl/{command}", "Refused: satellites do not drive DRBD Reactor",
            read=run_reactorctl, body=dict[str, Any], lenient=True, mask=Subject.NODE, answer=dict[str, Any])
      for command in _COMMANDS),
)

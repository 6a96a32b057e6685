"""DRBD Proxy is not supported: each call is refused once its objects are known to exist."""

from __future__ import annotations

from typing import NoReturn

import msgspec

from linstor_core.controller import lookups
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import Code, Conflict
from linstor_core.wire.api_call_rc import Operation, Subject


def modify(cluster: Cluster, _: Context, call: Call[msgspec.Raw]) -> Change:
    with lookups.about(RscDfn=call.path["resource"]):
        lookups.definition(cluster, call.path["resource"])
        _refuse()


def switch(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    with lookups.about(RscDfn=call.path["resource"], FirstNode=call.path["first"], SecondNode=call.path["second"]):
        lookups.definition(cluster, call.path["resource"])
        for end in ("first", "second"):
            lookups.node(cluster, call.path[end])
        _refuse()


def _refuse() -> NoReturn:
    raise Conflict("DRBD Proxy is not supported.", Code.LAYER_UNSUPPORTED,
                   cause="This release has no DRBD replication.")


_PATH = "/v1/resource-definitions/<resource>/drbd-proxy"
_SWITCH = Operation.MODIFY | Subject.RSC_CONN

ROUTES = (
    Route("PUT", _PATH, "Refused: no DRBD Proxy", write=modify, body=msgspec.Raw, lenient=True,
          mask=Operation.MODIFY | Subject.RSC_DFN),
    Route("POST", f"{_PATH}/enable/<first>/<second>", "Refused: no DRBD Proxy", write=switch, mask=_SWITCH),
    Route("POST", f"{_PATH}/disable/<first>/<second>", "Refused: no DRBD Proxy", write=switch, mask=_SWITCH),
)

"""The properties of the whole cluster."""

from __future__ import annotations

from msgspec import structs

from linstor_core.controller import properties
from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain.cluster import Cluster
from linstor_core.domain.errors import Code, InvalidInput
from linstor_core.domain.property_rules import ObjectKind, normalized
from linstor_core.wire.api_call_rc import ApiCallRc, Operation, Severity, Subject, entry
from linstor_core.wire.rest_bodies import PropsModify

_KIND = ObjectKind.CONTROLLER
_DELETE = Operation.DELETE | Subject.CTRL_CONF


def modify(cluster: Cluster, _: Context, call: Call[PropsModify]) -> Change:
    """All or nothing. Only keys are deleted here: a whole namespace of cluster-wide settings is refused."""
    body = call.body
    refused = [_unknown(key) for key in map(normalized, body.delete_props) if not properties.RULES.knows(_KIND, key)]
    refused += [_namespace(space, keys) for space in map(normalized, body.delete_namespaces)
                if (keys := [key for key in cluster.controller.props if key.startswith(space + "/")])]
    if refused:
        return Change(answers=tuple(refused))
    props, entries = properties.changed(_KIND, Subject.CTRL_CONF, cluster.controller.props, body)
    if props == cluster.controller.props:
        return Change(answers=tuple(entries))
    return Change((structs.replace(cluster.controller, props=props),), answers=tuple(entries))


def delete(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    key = normalized(call.path["key"])
    if not properties.RULES.knows(_KIND, key) and key not in cluster.controller.props:
        raise InvalidInput(f"'{key}' is no property of the controller.", Code.INVLD_PROP,
                           correction="Compare the key with 'linstor controller list-properties'.")
    props, entries = properties.changed(_KIND, Subject.CTRL_CONF, cluster.controller.props,
                                        PropsModify(delete_props=(key,)))
    return Change((structs.replace(cluster.controller, props=props),), answers=tuple(entries))


def _unknown(key: str) -> ApiCallRc:
    return entry(Severity.ERROR, Code.INVLD_PROP, _DELETE, f"'{key}' is no property of the controller.",
                 details="Nothing was changed.",
                 correction="Name keys that 'linstor controller list-properties' shows.")


def _namespace(space: str, keys: list[str]) -> ApiCallRc:
    return entry(Severity.ERROR, Code.INVLD_PROP, _DELETE,
                 f"The properties below '{space}' are not deleted at once: they concern the whole cluster.",
                 details="Nothing was changed.", correction=f"Delete them by their keys: {', '.join(sorted(keys))}.")


ROUTES = (
    Route("POST", "/v1/controller/properties", "Set and delete properties of the whole cluster", write=modify,
          body=PropsModify, mask=Operation.CREATE | Subject.CTRL_CONF, success=201),
    Route("DELETE", "/v1/controller/properties/<path:key>", "Delete one property of the whole cluster", write=delete,
          mask=_DELETE),
)

"""Named stores in which integrators keep what they like."""

from __future__ import annotations

import json
from typing import Any

from linstor_core.controller.call import Call
from linstor_core.controller.change import Change, Context
from linstor_core.controller.route import NoBody, Route
from linstor_core.domain import names
from linstor_core.domain.cluster import Cluster, key_of
from linstor_core.domain.errors import Code, InvalidInput, LinstorError
from linstor_core.domain.property_rules import normalized
from linstor_core.domain.registers import KeyValueStore
from linstor_core.wire.api_call_rc import DELETED, MODIFIED, Operation, Severity, Subject
from linstor_core.wire.rest_bodies import KeyValueStoreModify

WARN_NOT_FOUND = 3000
_MODIFY = Operation.MODIFY | Subject.CTRL_CONF


def modify(cluster: Cluster, _: Context, call: Call[KeyValueStoreModify]) -> Change:
    """Merges keys in, then takes keys and whole namespaces out; a store is there as long as it has keys."""
    name = _checked_name(call)
    found = cluster.key_value_stores.get(key_of(name))
    props = dict(found.props) if found is not None else {}
    props.update({normalized(key): _text(key, value) for key, value in call.body.override_props.items()})
    for key in map(normalized, call.body.delete_props):
        props.pop(key, None)
    for space in map(normalized, call.body.delete_namespaces):
        props = {key: value for key, value in props.items() if not key.startswith(f"{space}/")}
    answer = call.rc(Severity.SUCCESS, MODIFIED, f"The key-value store '{name}' is changed.", mask=_MODIFY)
    if not props:
        return Change(deletes=((KeyValueStore, key_of(name)),) if found is not None else (), answers=(answer,))
    return Change((KeyValueStore(found.name if found is not None else name, props),), answers=(answer,))


def _checked_name(call: Call[Any]) -> str:
    try:
        return names.key_value_store_name(call.path["store"])
    except LinstorError as fault:
        fault.bare = True
        raise


def _text(key: str, value: str | float | bool | None) -> str:
    if value is None:
        raise InvalidInput(f"The key '{key}' has no value.", Code.INVLD_PROP, bare=True,
                           cause="null is no value.", correction="Name the key in delete_props to remove it.")
    return value if isinstance(value, str) else json.dumps(value)


def delete(cluster: Cluster, _: Context, call: Call[NoBody]) -> Change:
    name = _checked_name(call)
    if key_of(name) not in cluster.key_value_stores:
        return Change(answers=(call.rc(Severity.WARN, WARN_NOT_FOUND, f"There is no key-value store '{name}'.",
                                       cause="It was never filled, or is deleted already."),))
    return Change(deletes=((KeyValueStore, key_of(name)),), answers=(
        call.rc(Severity.SUCCESS, DELETED, f"The key-value store '{name}' is deleted.",
                details="All of its keys are gone."),))


ROUTES = (
    Route("PUT", "/v1/key-value-store/<store>", "Set and delete keys of a store", write=modify,
          body=KeyValueStoreModify),
    Route("DELETE", "/v1/key-value-store/<store>", "Delete a store with all of its keys", write=delete),
)

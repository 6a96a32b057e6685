"""Changes of properties and the entries that tell of them; the table of known ones lies beside this module."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

import msgspec
from msgspec import Struct

from linstor_core.domain.property_rules import ObjectKind, PropertyChange, PropertyRule, PropertyRules
from linstor_core.wire.api_call_rc import CREATED, DELETED, MODIFIED, ApiCallRc, Operation, Severity, Subject, entry
from linstor_core.wire.rest_bodies import PropsModify

WARN_NOT_SET = 1005
WARN_DEPRECATED = 4000
AUTO_QUORUM = "DrbdOptions/auto-quorum"
QUORUM = "DrbdOptions/Resource/quorum"
QUORUM_SET_BY = "Internal/Drbd/QuorumSetBy"
_RANGES = frozenset({"TcpPortAutoRange", "MinorNrAutoRange"})


class _Table(Struct):
    objects: tuple[str, ...]
    properties: tuple[PropertyRule, ...]


TABLE = msgspec.json.decode(resources.files(__package__).joinpath("property_table.json").read_bytes(), type=_Table)
RULES = PropertyRules(TABLE.properties)


def changed(kind: ObjectKind, subject: Subject, current: Mapping[str, str], body: PropsModify,
            refs: dict[str, str] | None = None) -> tuple[dict[str, str], list[ApiCallRc]]:
    """The properties after `body`, and one entry for each key that changed. Raises InvalidInput (213).

    `subject` is what the entries are about, `refs` name the object.
    """
    change = RULES.change(kind, current, body.override_props, body.delete_props, body.delete_namespaces)
    entries: list[ApiCallRc] = []
    for key in (*change.created, *change.modified):
        entries += _notes(key, subject, refs)
    for key in change.created:
        entries.append(_told(Operation.CREATE, subject, CREATED, f"Property '{key}' set.", refs))
    for key in change.modified:
        entries.append(_told(Operation.MODIFY, subject, MODIFIED, f"Property '{key}' changed.", refs))
    for key in change.deleted:
        entries.append(_told(Operation.DELETE, subject, DELETED, f"Property '{key}' deleted.", refs))
    for key in change.absent:
        entries.append(entry(Severity.WARN, WARN_NOT_SET, Operation.DELETE | subject,
                             f"Property '{key}' was not set.", obj_refs=refs))
    return _with_origin_of_quorum(kind, change), entries


def initial(kind: ObjectKind, subject: Subject, props: Mapping[str, str],
            refs: dict[str, str] | None = None) -> tuple[dict[str, str], list[ApiCallRc]]:
    """The properties of a new object. Raises InvalidInput (213)."""
    return changed(kind, subject, {}, PropsModify(override_props=dict(props)), refs)


def _told(operation: Operation, subject: Subject, code: int, message: str, refs: dict[str, str] | None) -> ApiCallRc:
    return entry(Severity.SUCCESS, code, operation | subject, message, obj_refs=refs)


def _notes(key: str, subject: Subject, refs: dict[str, str] | None) -> list[ApiCallRc]:
    if key == AUTO_QUORUM:
        return [entry(Severity.WARN, WARN_DEPRECATED, Operation.MODIFY | subject,
                      f"The property '{AUTO_QUORUM}' is deprecated and has no effect.",
                      correction=f"Set '{QUORUM}' and 'DrbdOptions/Resource/on-no-quorum'.", obj_refs=refs)]
    if key in _RANGES:
        return [_told(Operation.MODIFY, subject, MODIFIED, f"New numbers come from '{key}'.", refs)]
    return []


def _with_origin_of_quorum(kind: ObjectKind, change: PropertyChange) -> dict[str, str]:
    """A quorum that an administrator chose is not to be changed by the automatic one: remember who chose."""
    props = change.props
    if kind is not ObjectKind.RESOURCE_DEFINITION:
        return props
    if QUORUM in change.created or QUORUM in change.modified:
        return {**props, QUORUM_SET_BY: "user"}
    if QUORUM not in props and QUORUM_SET_BY in props:
        return {key: value for key, value in props.items() if key != QUORUM_SET_BY}
    return props

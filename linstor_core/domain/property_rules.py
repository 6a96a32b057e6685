"""Which properties an object may have, and what they may be. The table itself is data that is passed in."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

from msgspec import Struct

from linstor_core.domain.errors import Code, InvalidInput

FREE_NAMESPACE = "Aux/"
"""Callers may keep what they like below it."""


class ObjectKind(StrEnum):
    """Kinds of objects that have properties, by LINSTOR's names. Groups take what the definitions take."""

    CONTROLLER = "CTRL"
    NODE = "NODE"
    NODE_CONNECTION = "NODE_CONN"
    STORAGE_POOL = "STOR_POOL"
    STORAGE_POOL_DEFINITION = "STOR_POOL_DFN"
    RESOURCE_DEFINITION = "RSC_DFN"
    RESOURCE_GROUP = "RSC_GRP"
    VOLUME_DEFINITION = "VLM_DFN"
    VOLUME_GROUP = "VLM_GRP"
    RESOURCE = "RSC"
    RESOURCE_CONNECTION = "RSC_CONN"
    VOLUME = "VLM"
    SNAPSHOT = "SNAP"


PATHS = re.compile(r"Paths/[^/]+/[^/]+", re.ASCII)
"""`Paths/<name of the path>/<node>`: the network interface that replication takes on that node."""
_CONNECTIONS = (ObjectKind.NODE_CONNECTION, ObjectKind.RESOURCE_CONNECTION)
_INTERFACE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{2,31}", re.ASCII)

_WIDER = {"StorDriver/StorPoolName": r"[^\x00-\x1f]+", "StorDriver/FileDir": r"[^\x00-\x1f]+"}
"""Patterns that LINSTOR's table states too narrowly: a directory may well have a dot or a space in its name."""

_SAME_RULES = {ObjectKind.RESOURCE_GROUP: ObjectKind.RESOURCE_DEFINITION,
               ObjectKind.VOLUME_GROUP: ObjectKind.VOLUME_DEFINITION}


class PropertyRule(Struct, frozen=True, omit_defaults=True):
    """One row: `type` says how `value` is read (a pattern, "(1 - 600)", or both joined by " or ")."""

    name: str
    objects: tuple[str, ...]
    type: str
    value: str = ""
    dflt: str = ""
    unit: str = ""
    info: str = ""

    def accepts(self, value: str) -> bool:
        match self.type:
            case "regex" | "boolean" | "boolean_true_false":
                return re.fullmatch(_WIDER.get(self.name, self.value), value, re.ASCII) is not None
            case "range":
                return _in_range(self.value, value, r"-?\d{1,20}")
            case "range_float":
                return _in_range(self.value, value, r"-?\d{1,20}(\.\d{1,20})?")
            case "numeric_or_symbol":
                bounds, _, symbols = self.value.partition(" or ")
                return _in_range(bounds, value, r"-?\d{1,20}") or re.fullmatch(symbols, value, re.ASCII) is not None
            case "long":
                return re.fullmatch(r"-?\d{1,19}", value, re.ASCII) is not None
            case _:
                return True

    @property
    def expectation(self) -> str:
        """What a value has to look like, in words."""
        match self.type:
            case "boolean":
                return "'yes' or 'no'"
            case "boolean_true_false":
                return "'True' or 'False'"
            case "long":
                return "a whole number"
            case "range" | "range_float":
                return f"a number in the range {self.value}"
            case "numeric_or_symbol":
                return f"a number or a word: {self.value}"
            case _:
                return f"text of the form {self.value}"


def _in_range(bounds: str, value: str, form: str) -> bool:
    if re.fullmatch(form, value, re.ASCII) is None:
        return False
    low, high = bounds.strip("()").split(" - ")
    return float(low) <= float(value) <= float(high) if "." in low else int(low) <= int(value) <= int(high)


def _is_path(kind: ObjectKind, key: str) -> bool:
    return kind in _CONNECTIONS and PATHS.fullmatch(key) is not None


class PropertyChange(Struct, frozen=True):
    """The properties after a change, and what became of each key that was named."""

    props: dict[str, str]
    created: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    """Named for deletion, but not there."""


def normalized(key: str) -> str:
    """Keys are paths: leading, trailing and doubled slashes mean nothing."""
    return "/".join(part for part in key.split("/") if part)


class PropertyRules:
    """The whole table, by kind of object."""

    def __init__(self, rows: Iterable[PropertyRule]) -> None:
        self._by_kind: dict[str, dict[str, PropertyRule]] = {}
        for row in rows:
            for kind in row.objects:
                self._by_kind.setdefault(kind, {})[row.name] = row

    def of(self, kind: str) -> dict[str, PropertyRule]:
        """The rules of one kind of object, by property name."""
        found = _SAME_RULES.get(kind, kind) if isinstance(kind, ObjectKind) else kind
        return self._by_kind.get(found, {})

    def knows(self, kind: ObjectKind, key: str) -> bool:
        return key.startswith(FREE_NAMESPACE) or key in self.of(kind) or _is_path(kind, key)

    def check(self, kind: ObjectKind, key: str, value: str) -> None:
        """Raises InvalidInput (213) for a key that such an object does not have, or a value that it can't have."""
        if key.startswith(FREE_NAMESPACE):
            return
        if _is_path(kind, key):
            if not _INTERFACE_NAME.fullmatch(value):
                raise InvalidInput(f"'{value}' is no name of a network interface.", Code.INVLD_PROP,
                                   cause=f"'{key}' names the interface that a path takes on a node.")
            return
        rule = self.of(kind).get(key)
        if rule is None:
            raise InvalidInput(f"'{key}' is no property of this kind of object.", Code.INVLD_PROP,
                               cause="Only known properties and those below 'Aux/' can be set.",
                               correction=self._advice(kind, key))
        if not rule.accepts(value):
            raise InvalidInput(f"'{value}' is no value for the property '{key}'.", Code.INVLD_PROP,
                               cause=f"It has to be {rule.expectation}.",
                               details=f"{rule.info}" if rule.info else "")

    def _advice(self, kind: ObjectKind, key: str) -> str:
        close = difflib.get_close_matches(key, self.of(kind), n=1, cutoff=0.6)
        if close:
            return f"Did you mean '{close[0]}'? Put information of your own below 'Aux/'."
        elsewhere = sorted(other for other, rules in self._by_kind.items() if key in rules)
        if elsewhere:
            return f"It can be set on: {', '.join(elsewhere)}."
        return "Put information of your own below 'Aux/'."

    def change(self, kind: ObjectKind, current: Mapping[str, str], override: Mapping[str, str],
               delete: Iterable[str] = (), namespaces: Iterable[str] = ()) -> PropertyChange:
        """Merge `override`, then drop `delete` and everything below `namespaces`. Raises InvalidInput (213)."""
        wanted = {normalized(key): value for key, value in override.items()}
        for key, value in wanted.items():
            self.check(kind, key, value)
        named = [normalized(key) for key in delete]
        below = [key for space in namespaces for key in current if key.startswith(normalized(space) + "/")]
        gone = {key for key in (*named, *below) if key in current and key not in wanted}
        props = {key: value for key, value in (*current.items(), *wanted.items()) if key not in gone}
        return PropertyChange(
            props, tuple(key for key in wanted if key not in current),
            tuple(key for key, value in wanted.items() if key in current and current[key] != value),
            tuple(key for key in named if key in gone), tuple(key for key in named if key not in current))

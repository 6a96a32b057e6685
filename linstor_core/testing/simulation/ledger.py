"""What callers were told, and what they asked for without hearing the end of it: the model is held to it at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from linstor_core.domain.cluster import Cluster, key_of


class Claim(Struct, frozen=True):
    """Somebody was told that this is there. `definition` is the UUID of the definition that it belongs to."""

    kind: str
    uuid: str
    since_s: float
    definition: str = ""
    node: str = ""
    part: str = ""
    """The number of a volume definition, the name of a snapshot or a pool."""


class Doom(Struct, frozen=True):
    """A call that may have taken something away, and the time in which it may have done so."""

    kind: str
    begin_s: float
    end_s: float
    definition: str = ""
    """Its name, in upper case."""
    node: str = ""
    part: str = ""


class Ledger:
    def __init__(self) -> None:
        self.claims: dict[tuple[str, str], Claim] = {}
        self.dooms: list[Doom] = []
        self.gone: dict[tuple[str, str], str] = {}
        """What somebody was told is gone, with the call."""
        self._names: dict[str, set[str]] = {}
        """The UUID of each definition, and names that it had when somebody was told of it."""
        self._renames: list[tuple[str, str]] = []

    def claim(self, kind: str, uuid: str, since_s: float, *, definition: str = "", node: str = "",
              part: str = "") -> None:
        self.claims.setdefault((kind, uuid), Claim(kind, uuid, since_s, definition, key_of(node), key_of(part)))

    def named(self, uuid: str, name: str) -> None:
        self._names.setdefault(uuid, set()).add(key_of(name))

    def renamed(self, name: str, new: str) -> None:
        """That was asked for, at least."""
        self._renames.append((key_of(name), key_of(new)))

    def _names_of(self, uuid: str) -> set[str]:
        """All that a definition may ever have had."""
        found = set(self._names.get(uuid, ()))
        for name, new in self._renames:
            if name in found:
                found.add(new)
        return found

    def doom(self, kind: str, begin_s: float, end_s: float, *, definition: str = "", node: str = "",
             part: str = "") -> None:
        self.dooms.append(Doom(kind, begin_s, end_s, key_of(definition), key_of(node), key_of(part)))

    def broken_by(self, cluster: Cluster) -> Iterator[str]:
        """What the model says against what callers were told."""
        here = set(_identities(cluster))
        for key, claim in self.claims.items():
            if key not in here and not any(self._may_hit(doom, claim) for doom in self.dooms):
                yield f"the {claim.kind} {claim.uuid} {claim.node} {claim.part} was acknowledged and is lost"
        for key, call in self.gone.items():
            if key in here:
                yield f"the {key[0]} {key[1]} was told to be gone by {call} and is there"

    def _may_hit(self, doom: Doom, claim: Claim) -> bool:
        if doom.end_s < claim.since_s:
            return False
        names = self._names_of(claim.uuid if claim.kind == "definition" else claim.definition)
        match doom.kind:
            case "definition":
                return doom.definition in names
            case "node":
                return claim.node == doom.node or claim.kind == "snapshot"
            case "resource":
                return claim.kind == "resource" and doom.definition in names and doom.node in ("", claim.node)
            case "evacuation":
                return claim.kind == "resource" and claim.node == doom.node
            case "pool":
                return claim.kind == "pool" and (claim.node, claim.part) == (doom.node, doom.part)
            case _:
                return claim.kind == doom.kind and doom.definition in names and doom.part == claim.part


def _identities(cluster: Cluster) -> Iterable[tuple[str, str]]:
    for definition in cluster.resource_definitions.values():
        yield "definition", definition.uuid
        yield from (("volume", volume.uuid) for volume in definition.volume_definitions)
    yield from (("resource", resource.uuid) for resource in cluster.resources.values())
    yield from (("snapshot", snapshot.uuid) for snapshot in cluster.snapshots.values())
    yield from (("node", node.uuid) for node in cluster.nodes.values())
    yield from (("pool", pool.uuid) for pool in cluster.storage_pools.values())

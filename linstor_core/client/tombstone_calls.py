"""What nodes have still to remove, and files on nodes that nobody names."""

from __future__ import annotations

from collections.abc import Sequence

from linstor_core.client.calls import Calls, Entries, filters
from linstor_core.wire.rest_tombstones import Orphan, OrphanAdopt, OrphanRemove, Tombstone


class TombstoneCalls(Calls):
    def tombstones(self, nodes: Sequence[str] = (), resources: Sequence[str] = ()) -> list[Tombstone]:
        """Deletions that nodes have still to carry out, with what hinders them."""
        return self._get(list[Tombstone], "tombstones", query=filters(nodes=nodes, resources=resources))

    def tombstone(self, uuid: str) -> Tombstone:
        return self._get(Tombstone, "tombstones", uuid)

    def delete_tombstone(self, uuid: str) -> Entries:
        """The node is not asked to remove the data any more: it stays there and turns up as an orphan."""
        return self._write("DELETE", "tombstones", uuid)

    def orphans(self, nodes: Sequence[str] = ()) -> list[Orphan]:
        """Files of ours that nothing names, as the satellites told last."""
        return self._get(list[Orphan], "orphans", query=filters(nodes=nodes))

    def adopt_orphan(self, body: OrphanAdopt) -> Entries:
        """Make a volume out of such a file; its content stays as it is."""
        return self._write("POST", "orphans", "adopt", body=body)

    def remove_orphan(self, body: OrphanRemove) -> Entries:
        """Remove such a file for good."""
        return self._write("POST", "orphans", "remove", body=body)

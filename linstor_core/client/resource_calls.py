"""Resources on nodes, and their volumes."""

from __future__ import annotations

from collections.abc import Sequence

from linstor_core.client.calls import Calls, Entries, filters
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.rest_resources import Resource, Volume


class ResourceCalls(Calls):
    def resources(self, names: Sequence[str] = (), nodes: Sequence[str] = (), pools: Sequence[str] = (),
                  props: Sequence[str] = ()) -> list[Resource]:
        """Resources with their volumes."""
        query = filters(resources=names, nodes=nodes, storage_pools=pools, props=props)
        return self._get(list[Resource], "view", "resources", query=query)

    def resources_of(self, name: str) -> list[Resource]:
        """All of one definition, without their volumes."""
        return self._get(list[Resource], "resource-definitions", name, "resources")

    def resource(self, name: str, node: str) -> Resource:
        """One resource, without its volumes."""
        return self._get(Resource, "resource-definitions", name, "resources", node)

    def create_resources(self, name: str, resources: Sequence[bodies.ResourceCreate]) -> Entries:
        """Place a definition on several nodes; `node_name` has to be set in each."""
        return self._write("POST", "resource-definitions", name, "resources", body=tuple(resources))

    def create_resource(self, name: str, node: str, body: bodies.ResourceCreate | None = None) -> Entries:
        return self._write("POST", "resource-definitions", name, "resources", node,
                           body=body or bodies.ResourceCreate())

    def modify_resource(self, name: str, node: str, body: bodies.PropsModify) -> Entries:
        return self._write("PUT", "resource-definitions", name, "resources", node, body=body)

    def delete_resource(self, name: str, node: str, keep_tiebreaker: bool = False, *, force: bool = False,
                        abandon: bool = False) -> Entries:
        """With `force` it ends although its satellite can't remove it: a tombstone stays. With `abandon` besides
        nothing stays, and the data turns up as an orphan. Neither is in LINSTOR's own REST.
        """
        return self._write("DELETE", "resource-definitions", name, "resources", node,
                           query=filters(keep_tiebreaker=keep_tiebreaker, force=force, abandon=abandon))

    def auto_place(self, name: str, body: bodies.AutoPlace | None = None) -> Entries:
        return self._write("POST", "resource-definitions", name, "autoplace", body=body or bodies.AutoPlace())

    def make_available(self, name: str, node: str, body: bodies.MakeAvailable | None = None) -> Entries:
        """Idempotent: afterwards the resource can be used on the node."""
        return self._write("POST", "resource-definitions", name, "resources", node, "make-available",
                           body=body or bodies.MakeAvailable())

    def unmake_available(self, name: str, node: str) -> Entries:
        """The opposite: what was only an access goes, a replica stays."""
        return self._write("POST", "resource-definitions", name, "resources", node, "unmake-available")

    def activate(self, name: str, node: str) -> Entries:
        return self._write("POST", "resource-definitions", name, "resources", node, "activate")

    def deactivate(self, name: str, node: str) -> Entries:
        return self._write("POST", "resource-definitions", name, "resources", node, "deactivate")

    def toggle_disk(self, name: str, node: str, body: bodies.ToggleDisk) -> Entries:
        """All of the three below in one call, which only newer controllers of LINSTOR have."""
        return self._write("PUT", "resource-definitions", name, "resources", node, "toggle-disk", body=body)

    def make_diskful(self, name: str, node: str, pool: str | None = None) -> Entries:
        return self._write("PUT", "resource-definitions", name, "resources", node, "toggle-disk", "diskful",
                           *_named(pool))

    def make_diskless(self, name: str, node: str, pool: str | None = None) -> Entries:
        return self._write("PUT", "resource-definitions", name, "resources", node, "toggle-disk", "diskless",
                           *_named(pool))

    def migrate_disk(self, name: str, node: str, from_node: str, pool: str | None = None) -> Entries:
        return self._write("PUT", "resource-definitions", name, "resources", node, "migrate-disk", from_node,
                           *_named(pool))

    def volumes(self, name: str, node: str) -> list[Volume]:
        return self._get(list[Volume], "resource-definitions", name, "resources", node, "volumes")

    def volume(self, name: str, node: str, number: int) -> Volume:
        return self._get(Volume, "resource-definitions", name, "resources", node, "volumes", number)

    def modify_volume(self, name: str, node: str, number: int, body: bodies.PropsModify) -> Entries:
        return self._write("PUT", "resource-definitions", name, "resources", node, "volumes", number, body=body)


def _named(pool: str | None) -> tuple[str, ...]:
    return (pool,) if pool else ()

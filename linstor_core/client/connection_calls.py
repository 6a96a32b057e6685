"""What holds between two nodes, or between two replicas of a resource; DRBD Proxy between them."""

from __future__ import annotations

from linstor_core.client.calls import Calls, Entries, filters
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.rest_resources import MigrationWindow, NodeConnection, ResourceConnection
from linstor_core.wire.rest_v1 import PropertyInfo

_PROXY = "drbd-proxy"
_WINDOW = "migration-window"


class ConnectionCalls(Calls):
    """The order of the two nodes means nothing."""

    def node_connections(self, node_a: str | None = None, node_b: str | None = None) -> list[NodeConnection]:
        """Those about which something is known: of all nodes, of one, or of two."""
        return self._get(list[NodeConnection], "node-connections", query=filters(node_a=node_a, node_b=node_b))

    def modify_node_connection(self, node_a: str, node_b: str, body: bodies.PropsModify) -> Entries:
        return self._write("PUT", "node-connections", node_a, node_b, body=body)

    def resource_connections(self, resource: str) -> list[ResourceConnection]:
        return self._get(list[ResourceConnection], "resource-definitions", resource, "resource-connections")

    def resource_connection(self, resource: str, node_a: str, node_b: str) -> ResourceConnection:
        return self._get(ResourceConnection, "resource-definitions", resource, "resource-connections", node_a, node_b)

    def modify_resource_connection(self, resource: str, node_a: str, node_b: str, body: bodies.PropsModify) -> Entries:
        return self._write("PUT", "resource-definitions", resource, "resource-connections", node_a, node_b, body=body)

    def migration_window(self, resource: str, node_a: str, node_b: str) -> MigrationWindow:
        """This and the next two are not in LINSTOR's own REST: its controllers answer 404."""
        return self._get(MigrationWindow, "resource-definitions", resource, "resource-connections", node_a, node_b,
                         _WINDOW)

    def open_migration_window(self, resource: str, node_a: str, node_b: str, lease_s: float) -> Entries:
        """Two primaries for this long; opening it again makes it last longer, never shorter."""
        return self._write("PUT", "resource-definitions", resource, "resource-connections", node_a, node_b, _WINDOW,
                           body=bodies.MigrationWindowOpen(lease_s=lease_s))

    def close_migration_window(self, resource: str, node_a: str, node_b: str) -> Entries:
        return self._write("DELETE", "resource-definitions", resource, "resource-connections", node_a, node_b, _WINDOW)

    def enable_drbd_proxy(self, resource: str, node_a: str, node_b: str, port: int | None = None) -> Entries:
        """Without a port the controller chooses one."""
        return self._write("POST", "resource-definitions", resource, _PROXY, "enable", node_a, node_b,
                           body=None if port is None else {"port": port})

    def disable_drbd_proxy(self, resource: str, node_a: str, node_b: str) -> Entries:
        return self._write("POST", "resource-definitions", resource, _PROXY, "disable", node_a, node_b)

    def modify_drbd_proxy(self, resource: str, body: bodies.DrbdProxyModify) -> Entries:
        return self._write("PUT", "resource-definitions", resource, _PROXY, body=body)

    def drbd_proxy_properties(self, resource: str) -> dict[str, dict[str, PropertyInfo]]:
        """What DRBD Proxy takes, by its part."""
        return self._get(dict[str, dict[str, PropertyInfo]], "resource-definitions", resource, _PROXY, "properties",
                         "info")

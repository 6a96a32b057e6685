"""Nodes, their network interfaces, storage pools and unused devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from linstor_core.client.calls import Calls, Entries, filters
from linstor_core.wire import rest_bodies as bodies
from linstor_core.wire.rest_on_nodes import PhysicalStorageCreate, ReactorCommand
from linstor_core.wire.rest_v1 import (
    NetInterface,
    Node,
    PhysicalDevice,
    PhysicalStorage,
    StoragePool,
    StoragePoolDefinition,
)

ReactorAction = Literal["disable", "enable", "evict", "restart", "status"]


class NodeCalls(Calls):
    def nodes(self, names: Sequence[str] = (), props: Sequence[str] = ()) -> list[Node]:
        """All nodes, or those of these names; `props` are `key` or `key=value`."""
        return self._get(list[Node], "nodes", query=filters(nodes=names, props=props))

    def node(self, name: str) -> Node:
        return self._get(Node, "nodes", name)

    def create_node(self, body: bodies.NodeCreate) -> Entries:
        return self._write("POST", "nodes", body=body)

    def modify_node(self, name: str, body: bodies.NodeModify) -> Entries:
        return self._write("PUT", "nodes", name, body=body)

    def delete_node(self, name: str) -> Entries:
        return self._write("DELETE", "nodes", name)

    def lose_node(self, name: str) -> Entries:
        """Forget a node that will never come back, with all that was on it."""
        return self._write("DELETE", "nodes", name, "lost")

    def reconnect_node(self, name: str) -> Entries:
        return self._write("PUT", "nodes", name, "reconnect")

    def evacuate_node(self, name: str, body: bodies.NodeEvacuate | None = None) -> Entries:
        return self._write("PUT", "nodes", name, "evacuate", body=body or bodies.NodeEvacuate())

    def evict_node(self, name: str) -> Entries:
        """Give an offline node up at once, instead of after the time that properties set."""
        return self._write("PUT", "nodes", name, "evict")

    def restore_node(self, name: str, body: bodies.NodeRestore | None = None) -> Entries:
        return self._write("PUT", "nodes", name, "restore", body=body or bodies.NodeRestore())

    def net_interfaces(self, node: str) -> list[NetInterface]:
        return self._get(list[NetInterface], "nodes", node, "net-interfaces")

    def net_interface(self, node: str, name: str) -> NetInterface:
        return self._get(NetInterface, "nodes", node, "net-interfaces", name)

    def create_net_interface(self, node: str, body: bodies.NetInterfaceBody) -> Entries:
        return self._write("POST", "nodes", node, "net-interfaces", body=body)

    def modify_net_interface(self, node: str, name: str, body: bodies.NetInterfaceBody) -> Entries:
        return self._write("PUT", "nodes", node, "net-interfaces", name, body=body)

    def delete_net_interface(self, node: str, name: str) -> Entries:
        return self._write("DELETE", "nodes", node, "net-interfaces", name)

    def storage_pools(self, nodes: Sequence[str] = (), pools: Sequence[str] = (), props: Sequence[str] = (),
                      cached: bool = False) -> list[StoragePool]:
        """`cached` is for controllers that otherwise ask every satellite for its free space first."""
        query = filters(nodes=nodes, storage_pools=pools, props=props, cached=cached)
        return self._get(list[StoragePool], "view", "storage-pools", query=query)

    def node_storage_pools(self, node: str) -> list[StoragePool]:
        return self._get(list[StoragePool], "nodes", node, "storage-pools")

    def storage_pool(self, node: str, name: str) -> StoragePool:
        return self._get(StoragePool, "nodes", node, "storage-pools", name)

    def create_storage_pool(self, node: str, body: bodies.StoragePoolCreate) -> Entries:
        return self._write("POST", "nodes", node, "storage-pools", body=body)

    def modify_storage_pool(self, node: str, name: str, body: bodies.PropsModify) -> Entries:
        return self._write("PUT", "nodes", node, "storage-pools", name, body=body)

    def delete_storage_pool(self, node: str, name: str) -> Entries:
        return self._write("DELETE", "nodes", node, "storage-pools", name)

    def storage_pool_definitions(self) -> list[StoragePoolDefinition]:
        return self._get(list[StoragePoolDefinition], "storage-pool-definitions")

    def storage_pool_definition(self, name: str) -> StoragePoolDefinition:
        return self._get(StoragePoolDefinition, "storage-pool-definitions", name)

    def create_storage_pool_definition(self, body: bodies.StoragePoolDefinitionCreate) -> Entries:
        return self._write("POST", "storage-pool-definitions", body=body)

    def modify_storage_pool_definition(self, name: str, body: bodies.PropsModify) -> Entries:
        return self._write("PUT", "storage-pool-definitions", name, body=body)

    def delete_storage_pool_definition(self, name: str) -> Entries:
        return self._write("DELETE", "storage-pool-definitions", name)

    def physical_storage(self) -> list[PhysicalStorage]:
        return self._get(list[PhysicalStorage], "physical-storage")

    def create_device_pool(self, node: str, body: PhysicalStorageCreate) -> Entries:
        return self._write("POST", "physical-storage", node, body=body)

    def run_drbd_reactorctl(self, action: ReactorAction, body: ReactorCommand) -> dict[str, Any]:
        """What each node's program said, by node."""
        return self._ask(dict[str, Any], "POST", "nodes", "exec", "drbd-reactorctl", action, body=body)

    def physical_devices(self, node: str) -> list[PhysicalDevice]:
        return self._get(list[PhysicalDevice], "physical-storage", node)

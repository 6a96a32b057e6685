"""A database with as many nodes and resources as one likes, written at once: REST would take hours.

`python -m linstor_core.testing.fleet_model --state DIR --nodes 1000 --resources 100` is the controller's side of
`linstor_core.testing.simulated_fleet`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from linstor_core.controller.change import Context
from linstor_core.controller.daemon import SystemContext
from linstor_core.controller.operations import seed
from linstor_core.controller.repository import Repository
from linstor_core.domain.cluster import Document
from linstor_core.domain.nodes import NetInterface, Node, NodeType
from linstor_core.domain.resource_definitions import ResourceDefinition, VolumeDefinition
from linstor_core.domain.resource_groups import DEFAULT_GROUP
from linstor_core.domain.resources import Resource, Volume
from linstor_core.domain.storage_pools import DISKLESS_POOL, ProviderKind, StoragePool, StoragePoolDefinition
from linstor_core.testing.simulated_fleet import DIRECTORY, address_of, node_name

POOL = "pool"
SIZE_KIB = 64 * 1024
PORT = 3366


def definition_name(node: int, number: int) -> str:
    """Both from 1."""
    return f"r{node:04}-{number:04}"


def write(state: Path, nodes: int, resources: int) -> None:
    """The database of a controller that has never run: `resources` on each node, one volume each."""
    context = SystemContext()
    cluster = seed.fresh_cluster(context)
    documents = [*seed.documents(cluster), StoragePoolDefinition(context.new_uuid(), POOL)]
    for number in range(1, nodes + 1):
        documents += _node(context, number)
        for resource in range(1, resources + 1):
            documents += _resource(context, number, resource)
    repository = Repository.in_folder(state)
    repository.open()
    repository.commit([(documents, ())], 1)
    repository.close()


def _node(context: Context, number: int) -> Iterator[Document]:
    name = node_name(number)
    interface = NetInterface(context.new_uuid(), "default", address_of(number), PORT, "PLAIN")
    yield Node(context.new_uuid(), name, NodeType.SATELLITE, (interface,), "default")
    yield StoragePool(context.new_uuid(), DISKLESS_POOL, name, ProviderKind.DISKLESS)
    yield StoragePool(context.new_uuid(), POOL, name, ProviderKind.FILE_THIN, {"StorDriver/StorPoolName": DIRECTORY})


def _resource(context: Context, node: int, number: int) -> Iterator[Document]:
    name = definition_name(node, number)
    yield ResourceDefinition(context.new_uuid(), name, DEFAULT_GROUP,
                             volume_definitions=(VolumeDefinition(context.new_uuid(), 0, SIZE_KIB),))
    yield Resource(context.new_uuid(), name, node_name(node),
                   volumes=(Volume(context.new_uuid(), 0, POOL, f"{name}_00000", context.new_uuid()),))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True, metavar="DIR", help="of a controller that has never run")
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--resources", type=int, required=True, help="on each node")
    parsed = parser.parse_args(arguments)
    write(parsed.state, parsed.nodes, parsed.resources)
    return 0


if __name__ == "__main__":
    sys.exit(main())

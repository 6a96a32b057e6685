"""All nouns of the command line."""

from __future__ import annotations

from linstor_core.cli import (
    controller,
    encryption,
    error_reports,
    key_value_store,
    node,
    physical_storage,
    resource,
    resource_definition,
    resource_group,
    snapshot,
    storage_pool,
    volume,
    volume_definition,
    volume_group,
)
from linstor_core.cli.grammar import Noun

NOUNS: tuple[Noun, ...] = (
    controller.NOUN, node.NOUN, storage_pool.NOUN, resource_group.NOUN, volume_group.NOUN, resource_definition.NOUN,
    volume_definition.NOUN, resource.NOUN, volume.NOUN, snapshot.NOUN, physical_storage.NOUN, key_value_store.NOUN,
    error_reports.NOUN, encryption.NOUN,
)

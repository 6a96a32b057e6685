"""All nouns of the command line."""

from __future__ import annotations

from linstor_core.cli import (
    advise,
    backup,
    connections,
    controller,
    drbd_proxy,
    encryption,
    error_reports,
    external_file,
    job,
    key_value_store,
    node,
    physical_storage,
    remote,
    resource,
    resource_definition,
    resource_group,
    schedule,
    snapshot,
    sos_report,
    storage_pool,
    tombstone,
    volume,
    volume_definition,
    volume_group,
)
from linstor_core.cli.grammar import Noun

NOUNS: tuple[Noun, ...] = (
    controller.NOUN, node.NOUN, storage_pool.NOUN, resource_group.NOUN, volume_group.NOUN, resource_definition.NOUN,
    volume_definition.NOUN, resource.NOUN, volume.NOUN, snapshot.NOUN, job.NOUN, connections.NODE_CONNECTIONS,
    connections.RESOURCE_CONNECTIONS, drbd_proxy.NOUN, physical_storage.NOUN, remote.NOUN, backup.NOUN, schedule.NOUN,
    key_value_store.NOUN, external_file.NOUN, error_reports.NOUN, sos_report.NOUN, sos_report.SPACE, encryption.NOUN,
    advise.NOUN, tombstone.NOUN, tombstone.ORPHANS,
)

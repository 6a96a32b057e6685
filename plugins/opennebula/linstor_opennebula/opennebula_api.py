"""OpenNebula's own interface, through pyone: what the administrator's tool asks and orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from linstor_opennebula import naming
from linstor_opennebula.driver_data import DEFAULT_GROUP, Datastore
from linstor_opennebula.errors import BadSettings
from linstor_opennebula.reconciliation import Known
from linstor_opennebula.settings import Settings, secret

ALL, NO_LIMIT, NOT_DONE = -2, -1, -1
WITHOUT_VOLUME = frozenset({5, 6})
"""States of images (ERROR, DELETE) of which OpenNebula expects no volume."""
IMAGE_TYPES = frozenset({0, 1, 2})
"""OS, CDROM, DATABLOCK: files for kernels and contexts are no volumes."""


class OpenNebula:
    """Methods raise pyone's OneException, and OSError where nobody answers."""

    def __init__(self, server: Any) -> None:
        self._server = server

    @classmethod
    def connect(cls, settings: Settings) -> OpenNebula:
        """Raises BadSettings where pyone, or user and password, can't be had."""
        try:
            import pyone
        except ImportError:
            raise BadSettings("this command needs pyone: pip install pyone") from None
        return cls(pyone.OneServer(settings.one_endpoint, session=secret(Path(settings.one_auth_file))))

    def datastores(self, driver: str) -> tuple[Datastore, ...]:
        """Those that are ours, of images or of systems."""
        return tuple(_datastore(each) for each in self._server.datastorepool.info().DATASTORE
                     if driver in (each.DS_MAD, each.TM_MAD))

    def register(self, template: str, cluster_id: int) -> int:
        """A new datastore's number."""
        return int(self._server.datastore.allocate(template, cluster_id))

    def known(self, driver: str) -> tuple[Known, ...]:
        """All volumes that images and disks of machines stand for."""
        ours = {datastore.id for datastore in self.datastores(driver) if datastore.ds_mad == driver}
        images = [Known(each.SOURCE, int(each.SIZE), f"image {each.ID} ({each.NAME})")
                  for each in self._server.imagepool.info(ALL, NO_LIMIT, NO_LIMIT).IMAGE
                  if int(each.DATASTORE_ID) in ours and each.SOURCE and int(each.STATE) not in WITHOUT_VOLUME
                  and int(each.TYPE) in IMAGE_TYPES]
        machines = self._server.vmpool.infoextended(ALL, NO_LIMIT, NO_LIMIT, NOT_DONE).VM
        return (*images, *(disk for machine in machines for disk in _own_disks(machine, driver)))


def _datastore(found: Any) -> Datastore:
    template = found.TEMPLATE or {}
    return Datastore(int(found.ID), template.get("LINSTOR_CONTROLLERS") or "",
                     template.get("LINSTOR_RESOURCE_GROUP") or DEFAULT_GROUP, tm_mad=found.TM_MAD, ds_mad=found.DS_MAD)


def _own_disks(machine: Any, driver: str) -> Iterator[Known]:
    """Volumes that are this machine's alone; what it uses of images is counted there."""
    disks = (machine.TEMPLATE or {}).get("DISK") or []
    for disk in [disks] if isinstance(disks, Mapping) else disks:
        own = disk.get("PERSISTENT", "").upper() != "YES" and disk.get("TYPE", "").upper() != "CDROM"
        if disk.get("TM_MAD") == driver and own:
            number, vm_id, source = int(disk["DISK_ID"]), int(machine.ID), disk.get("SOURCE") or ""
            name = (naming.cloned_disk(source, vm_id, number) if source else naming.volatile_disk(vm_id, number))
            yield Known(name, int(disk.get("SIZE") or 0), f"disk {number} of virtual machine {vm_id}")

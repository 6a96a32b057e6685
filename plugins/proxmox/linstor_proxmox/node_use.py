"""Volumes opened and closed on this node."""

from __future__ import annotations

import logging

from linstor_core.client.errors import AnswerTimeout, ConnectionFailed
from linstor_proxmox import snapshots, volume_names
from linstor_proxmox.catalogue import StoredVolume
from linstor_proxmox.migrations import Window
from linstor_proxmox.refusals import Refused
from linstor_proxmox.storage import Storage

_log = logging.getLogger(__name__)
_UNREACHABLE = (ConnectionFailed, AnswerTimeout)


def path(storage: Storage, text: str, snapshot: str) -> tuple[str, int]:
    """Where the volume is once it is active, and the guest it belongs to. Asks nobody."""
    name = volume_names.parse(text)
    return str(storage.node.links.path(storage.name, name, snapshot)), name.vmid


def activate(storage: Storage, text: str, snapshot: str) -> str:
    """The path of the volume, or of a writable copy of its snapshot, usable on this node."""
    name = volume_names.parse(text)
    link = storage.node.links.path(storage.name, name, snapshot)
    try:
        volume = storage.catalogue.get(text)
        resource = snapshots.open_copy(storage, volume, snapshot) if snapshot else volume.resource
        device = storage.service.make_available(resource, storage.node.name)
        if not snapshot:
            _let_migrate(storage, volume)
    except _UNREACHABLE as error:
        return _without_controller(storage, text, snapshot, error)
    storage.node.links.point(link, device)
    storage.node.links.remember(link, resource)
    return str(link)


def _without_controller(storage: Storage, text: str, snapshot: str, error: Exception) -> str:
    """A guest may start again where its device is still there and can't be anybody else's."""
    link = storage.node.links.path(storage.name, volume_names.parse(text), snapshot)
    device = "" if snapshot else storage.node.links.proven_device(link)
    if not device:
        raise Refused(f"volume '{storage.name}:{text}' can't be activated: {error}") from error
    _log.warning("'%s:%s' is used as it was left at %s: %s", storage.name, text, device, error)
    return str(link)


def _let_migrate(storage: Storage, volume: StoredVolume) -> None:
    """A guest that still has the volume open elsewhere is migrating here: the core lets both nodes write for a while.
    """
    found = storage.service.find(volume.resource)
    elsewhere = [node for node in found.in_use_on if node.lower() != storage.node.name.lower()] if found else []
    if elsewhere:
        window = Window(storage.config, volume.resource, elsewhere[0], storage.node.name)
        storage.node.migrations.begin(storage.service, window)


def deactivate(storage: Storage, text: str, snapshot: str) -> None:
    """Nothing to do where it is not active or not there. A controller that is away does not keep a guest from ending.
    """
    name = volume_names.parse(text)
    link = storage.node.links.path(storage.name, name, snapshot)
    try:
        volume = storage.catalogue.find(name)
        if volume is not None and snapshot:
            snapshots.close_copy(storage, volume, snapshot)
        elif volume is not None:
            storage.once_closed(text, lambda: storage.service.release(volume.resource, storage.node.name))
            storage.node.migrations.end(storage.service, volume.resource)
    except _UNREACHABLE as error:
        _log.warning("'%s:%s' stays available on this node: %s", storage.name, text, error)
        return
    storage.node.links.remove(link)

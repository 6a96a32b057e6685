"""What an administrator says of a volume: notes, and that it must not be removed. Kept with the volume in LINSTOR."""

from __future__ import annotations

from linstor_proxmox.catalogue import StoredVolume
from linstor_proxmox.refusals import Refused
from linstor_proxmox.storage import Storage
from linstor_proxmox.volume_names import NOTES, PROTECTED

_KEYS = {"notes": NOTES, "protected": PROTECTED}
LONGEST_NOTES = 4000


def attribute(storage: Storage, text: str, name: str) -> str | None:
    """None for an attribute that volumes do not have here; "" for notes that nobody wrote, "0" or "1" for protection.
    """
    if name not in _KEYS:
        return None
    volume = storage.catalogue.get(text)
    return ("1" if volume.is_protected else "0") if name == "protected" else volume.notes


def set_attribute(storage: Storage, text: str, name: str, value: str) -> None:
    """An empty value takes it away."""
    if name not in _KEYS:
        raise Refused(f"attribute '{name}' is not supported for volumes of storage '{storage.name}'")
    volume = storage.catalogue.get(text)
    if name == "protected":
        value = "" if value in ("", "0") else "1"
    if len(value) > LONGEST_NOTES:
        raise Refused(f"notes of '{storage.name}:{text}' are longer than {LONGEST_NOTES} characters")
    key = _KEYS[name]
    storage.service.set_props(volume.resource, {key: value} if value else {}, () if value else (key,))


def check_unprotected(storage: Storage, volume: StoredVolume) -> None:
    """Raises Refused."""
    if volume.is_protected:
        raise Refused(f"volume '{storage.name}:{volume.name}' is protected: take the protection away first")

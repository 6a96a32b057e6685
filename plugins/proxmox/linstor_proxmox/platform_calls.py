"""What Proxmox VE can ask for, by the names of its storage API: one table, from JSON to a function and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from linstor_proxmox import attributes, disks, features, node_use, snapshots, volume_names
from linstor_proxmox.refusals import Refused
from linstor_proxmox.storage import Storage


class Arguments:
    """The named arguments of a call. Perl tells numbers and texts apart by chance, so both are taken for both."""

    def __init__(self, found: Mapping[str, object]) -> None:
        self._found = found

    def text(self, key: str) -> str:
        """Raises Refused where it is missing."""
        value = self.optional_text(key)
        if not value:
            raise Refused(f"the call lacks '{key}'")
        return value

    def optional_text(self, key: str) -> str:
        value = self._found.get(key)
        return "" if value is None else str(value)

    def number(self, key: str) -> int:
        value = self.optional_number(key)
        if value is None:
            raise Refused(f"the call lacks '{key}'")
        return value

    def optional_number(self, key: str) -> int | None:
        text = self.optional_text(key)
        try:
            return int(float(text)) if text else None
        except ValueError:
            raise Refused(f"'{key}' is no number: {text}") from None

    def texts(self, key: str) -> list[str] | None:
        value = self._found.get(key)
        return [str(item) for item in value] if isinstance(value, list) else None

    def flag(self, key: str) -> bool:
        return self.optional_text(key) not in ("", "0", "False", "false")


Call = Callable[[Storage, Arguments], Any]


def _parse_volname(_: Storage, given: Arguments) -> list[object]:
    name = volume_names.parse(given.text("volname"))
    template = name.template or None
    return ["images", name.leaf, name.vmid, template, name.template_vmid, int(name.is_template) or None, "raw"]


def _path(storage: Storage, given: Arguments) -> list[object]:
    path, vmid = node_use.path(storage, given.text("volname"), given.optional_text("snapname"))
    return [path, vmid, "images"]


def _alloc_image(storage: Storage, given: Arguments) -> str:
    return disks.allocate(storage, given.number("vmid"), given.optional_text("format") or "raw",
                          given.optional_text("name"), given.number("size_kib"))


def _list_images(storage: Storage, given: Arguments) -> list[dict[str, Any]]:
    return disks.images(storage, given.optional_number("vmid"), given.texts("vollist"))


def _volume_resize(storage: Storage, given: Arguments) -> None:
    disks.resize(storage, given.text("volname"), given.number("size"), given.optional_text("snapname"))


def _rename_volume(storage: Storage, given: Arguments) -> str:
    return disks.rename(storage, given.text("volname"), given.number("vmid"), given.optional_text("target"))


def _clone_image(storage: Storage, given: Arguments) -> str:
    return disks.clone(storage, given.text("volname"), given.number("vmid"), given.optional_text("snapname"))


def _get_volume_attribute(storage: Storage, given: Arguments) -> str | None:
    return attributes.attribute(storage, given.text("volname"), given.text("attribute"))


def _update_volume_attribute(storage: Storage, given: Arguments) -> None:
    attributes.set_attribute(storage, given.text("volname"), given.text("attribute"), given.optional_text("value"))


def _volume_has_feature(_: Storage, given: Arguments) -> bool:
    name = volume_names.parse(given.text("volname"))
    return features.has_feature(given.text("feature"), name, given.optional_text("snapname"),
                                given.texts("target_formats"))


def _transfer_formats(_: Storage, given: Arguments) -> list[str]:
    volume_names.parse(given.text("volname"))
    return features.transfer_formats(given.flag("base_snapshot"), given.flag("with_snapshots"))


def _check_storage(storage: Storage, _: Arguments) -> None:
    storage.service.client.resource_group(storage.config.group)


def _get_identity(storage: Storage, _: Arguments) -> str:
    cluster = storage.service.client.controller_properties().get("Cluster/LocalID", "")
    return f"linstor:{cluster}/{storage.config.group.lower()}"


def _with_snapshot(function: Callable[[Storage, str, str], Any]) -> Call:
    return lambda storage, given: function(storage, given.text("volname"), given.text("snapname"))


def _perhaps_with_snapshot(function: Callable[[Storage, str, str], Any]) -> Call:
    return lambda storage, given: function(storage, given.text("volname"), given.optional_text("snapname"))


def _of_volume(function: Callable[[Storage, str], Any]) -> Call:
    return lambda storage, given: function(storage, given.text("volname"))


CALLS: dict[str, Call] = {
    "parse_volname": _parse_volname,
    "path": _path,
    "alloc_image": _alloc_image,
    "free_image": _of_volume(disks.free),
    "list_images": _list_images,
    "volume_size_info": _of_volume(disks.size_bytes),
    "volume_resize": _volume_resize,
    "rename_volume": _rename_volume,
    "create_base": _of_volume(disks.make_template),
    "clone_image": _clone_image,
    "activate_volume": _perhaps_with_snapshot(node_use.activate),
    "deactivate_volume": _perhaps_with_snapshot(node_use.deactivate),
    "map_volume": _perhaps_with_snapshot(node_use.activate),
    "volume_snapshot": _with_snapshot(snapshots.create),
    "volume_snapshot_delete": _with_snapshot(snapshots.delete),
    "volume_snapshot_rollback": _with_snapshot(snapshots.roll_back),
    "volume_rollback_is_possible": _with_snapshot(snapshots.rollback_blockers),
    "volume_snapshot_info": _of_volume(snapshots.information),
    "get_volume_attribute": _get_volume_attribute,
    "update_volume_attribute": _update_volume_attribute,
    "volume_has_feature": _volume_has_feature,
    "volume_export_formats": _transfer_formats,
    "volume_import_formats": _transfer_formats,
    "check_storage": _check_storage,
    "get_identity": _get_identity,
}
"""`status` is not among them: the endpoint answers it without a connection."""

"""What OpenNebula tells about datastores, images and virtual machines, from its XML."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from xml.etree import ElementTree

from linstor_opennebula.errors import BadCall

DEFAULT_GROUP = "DfltRscGrp"
MIB_KIB = 1024


@dataclass(frozen=True)
class Datastore:
    """`controllers` is in LINSTOR's notation; empty for what the settings say."""

    id: int
    controllers: str
    group: str
    bridges: tuple[str, ...] = ()
    tm_mad: str = ""
    ds_mad: str = ""
    restricted_dirs: tuple[str, ...] = ()
    safe_dirs: tuple[str, ...] = ()
    staging_dir: str = "/var/tmp"
    limit_transfer_bw: str = ""


@dataclass(frozen=True)
class Image:
    """`size_mib` is 0 where OpenNebula did not say; `cloning_id` is the image to be copied, -1 for none."""

    id: int
    source: str
    path: str
    size_mib: int
    format: str
    file_system: str
    cloning_id: int
    target_snapshot: str
    md5: str
    sha1: str
    no_decompress: bool


@dataclass(frozen=True)
class Disk:
    """A disk of a virtual machine; `source` is empty for a volatile one."""

    id: int
    source: str
    size_mib: int
    tm_mad: str
    datastore_id: int | None
    persistent: bool
    cdrom: bool

    @property
    def is_volatile(self) -> bool:
        return not self.source


@dataclass(frozen=True)
class VirtualMachine:
    """`context_disk` is the number of the disk with the context, where there is one."""

    id: int
    disks: tuple[Disk, ...]
    context_disk: int | None
    deploy_id: str
    incremental: bool

    def disk(self, disk_id: int) -> Disk:
        """Raises BadCall for a disk that the machine has not."""
        for disk in self.disks:
            if disk.id == disk_id:
                return disk
        raise BadCall(f"virtual machine {self.id} has no disk {disk_id}")


def decoded(text: str) -> ElementTree.Element | None:
    """The document in `text`, plain or in base64; None where it is neither."""
    text = text.strip()
    if not text.startswith("<"):
        try:
            text = base64.b64decode(text, validate=False).decode()
        except (binascii.Error, ValueError):
            return None
    try:
        return ElementTree.fromstring(text) if text.lstrip().startswith("<") else None
    except ElementTree.ParseError:
        return None


def datastore(element: ElementTree.Element) -> Datastore:
    """`element` is DATASTORE."""
    template = element.find("TEMPLATE")
    template = element if template is None else template
    return Datastore(
        _number(element, "ID"), _text(template, "LINSTOR_CONTROLLERS"),
        _text(template, "LINSTOR_RESOURCE_GROUP") or DEFAULT_GROUP,
        tuple(_text(template, "BRIDGE_LIST").split()), _text(element, "TM_MAD"), _text(element, "DS_MAD"),
        tuple(_text(template, "RESTRICTED_DIRS").split()),
        tuple(_text(template, "SAFE_DIRS").split()), _text(template, "STAGING_DIR") or "/var/tmp",
        _text(template, "LIMIT_TRANSFER_BW"),
    )


def image(element: ElementTree.Element) -> Image:
    """`element` is IMAGE."""
    return Image(
        _number(element, "ID"), _text(element, "SOURCE"), _text(element, "PATH"), _number(element, "SIZE", 0),
        _text(element, "FORMAT") or _text(element, "FSTYPE") or "raw", _text(element, "FS"),
        _number(element, "CLONING_ID"), _text(element, "TARGET_SNAPSHOT"), _text(element, "TEMPLATE/MD5"),
        _text(element, "TEMPLATE/SHA1"), _text(element, "TEMPLATE/NO_DECOMPRESS").upper() == "YES",
    )


def virtual_machine(element: ElementTree.Element) -> VirtualMachine:
    """`element` is VM."""
    context = element.find("TEMPLATE/CONTEXT")
    return VirtualMachine(
        _number(element, "ID"), tuple(_disk(disk) for disk in element.findall("TEMPLATE/DISK")),
        _number(context, "DISK_ID") if context is not None and context.find("DISK_ID") is not None else None,
        _text(element, "DEPLOY_ID"), _text(element, "BACKUPS/BACKUP_CONFIG/MODE").upper() == "INCREMENT",
    )


def _disk(element: ElementTree.Element) -> Disk:
    datastore_id = _text(element, "DATASTORE_ID")
    return Disk(
        _number(element, "DISK_ID"), _text(element, "SOURCE"), _number(element, "SIZE", 0), _text(element, "TM_MAD"),
        int(datastore_id) if datastore_id.isdigit() else None, _text(element, "PERSISTENT").upper() == "YES",
        _text(element, "TYPE").upper() == "CDROM",
    )


def _text(element: ElementTree.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _number(element: ElementTree.Element, path: str, default: int = -1) -> int:
    text = _text(element, path)
    try:
        return int(text) if text else default
    except ValueError:
        raise BadCall(f"{element.tag}/{path} is '{text}', which is no number") from None

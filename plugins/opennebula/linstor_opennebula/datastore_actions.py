"""The actions of the datastore driver: images."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from linstor_opennebula import filling, naming
from linstor_opennebula.calls import Call, DatastoreCall, datastore_call
from linstor_opennebula.driver_data import MIB_KIB, Image
from linstor_opennebula.errors import BadCall, Refused
from linstor_opennebula.storage import Storage
from linstor_opennebula.world import World

MIB = 1024 * 1024
SAVE_AS = "save_as"
_GZIP, _BZIP2, _XZ = b"\x1f\x8b", b"BZ", b"\xfd7zXZ"
_COMPRESSED = (_GZIP, _BZIP2, _XZ)


@contextmanager
def _being_filled(storage: Storage, name: str, size_mib: int) -> Iterator[None]:
    """A new volume that is there in the end, whole, or not at all."""
    storage.begin(name, size_mib)
    try:
        yield
        storage.finish(name)
    except BaseException:
        storage.discard(name)
        raise


def cp(call: Call, world: World) -> str:
    """Take an image in: prints its source and format."""
    asked = datastore_call(call)
    image, name = asked.image, naming.image(asked.object_id)
    filling.check_allowed(image.path, asked.datastore, call.remotes.parent)
    storage = world.storage(asked.datastore)
    with _being_filled(storage, name, _needed_mib(image)):
        host, device = _open(storage, name, asked)
        try:
            filling.fill(world.hosts, filling.downloader(call.remotes, image, asked.datastore), host, device,
                         sparse=storage.is_thin(name), staging_dir=asked.datastore.staging_dir)
        finally:
            storage.release(name, host)
    return f"{name} raw"


def _needed_mib(image: Image) -> int:
    if image.size_mib <= 0:
        raise BadCall(f"image {image.id} has no size")
    return image.size_mib


def _open(storage: Storage, name: str, asked: DatastoreCall) -> tuple[str, str]:
    """(host, device) by which a volume is read or written."""
    host = storage.host_for(storage.volumes.get(name), asked.datastore.bridges)
    node = storage.node_of(host)
    if node is None:
        raise Refused(f"host {host} is no node of the controller")
    return host, storage.volumes.make_available(name, node)


def mkfs(call: Call, world: World) -> str:
    """An empty image, with a file system if one is asked for; nothing yet for one that a disk will be saved to."""
    asked = datastore_call(call)
    image, name = asked.image, naming.image(asked.object_id)
    if image.format == SAVE_AS:
        return name
    storage = world.storage(asked.datastore)
    wanted = image.file_system or ("" if image.format in ("raw", "qcow2") else image.format)
    if not wanted:
        storage.volumes.create(name, storage.group, _needed_mib(image) * MIB_KIB)
        return name
    with _being_filled(storage, name, _needed_mib(image)):
        host, device = _open(storage, name, asked)
        try:
            make_file_system(world, host, device, wanted)
        finally:
            storage.release(name, host)
    return name


def make_file_system(world: World, host: str, device: str, kind: str) -> None:
    """Raises Refused for what is no file system's name, CommandFailed."""
    if not kind.replace("_", "").isalnum():
        raise Refused(f"'{kind}' is no file system")
    if kind == "swap":
        command: tuple[str, ...] = ("mkswap", device)
    else:
        quiet = ("-q", "-F") if kind.startswith("ext") else ("-q", "-f") if kind == "xfs" else ()
        command = (f"mkfs.{kind}", *quiet, device)
    world.hosts.run(host, ("env", "PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin",
                           *world.settings.privileged, *command))


def clone(call: Call, world: World) -> str:
    """A copy of another image."""
    asked = datastore_call(call)
    image, name = asked.image, naming.image(asked.object_id)
    if image.cloning_id < 0:
        raise BadCall(f"image {asked.object_id} does not say which one it is a copy of")
    storage = world.storage(asked.datastore)
    # In what OpenNebula sends, SOURCE and PATH are those of the image that is copied.
    candidates = tuple(filter(None, (image.path, image.source, naming.image(image.cloning_id),
                                     f"one-{image.cloning_id}")))
    source = storage.first_of(tuple(name for name in candidates if naming.is_legal(name)))
    if source is None:
        raise Refused(f"the volume of image {image.cloning_id} is not there")
    storage.copy(source, name)
    return name


def rm(call: Call, world: World) -> str:
    """Remove an image; nothing to do where it is not there."""
    asked = datastore_call(call)
    storage = world.storage(asked.datastore)
    source = asked.image.source if asked.image_element is not None else ""
    name = source or storage.first_of((naming.image(asked.object_id), f"one-{asked.object_id}"))
    if name is not None:
        if naming.image_of(name) not in (None, int(asked.object_id or -1)):
            raise Refused(f"{name} is not the volume of image {asked.object_id}")
        storage.remove(name)
    return ""


def stat(call: Call, world: World) -> str:
    """The size (MiB) that an image will have; files of unknown kinds and other places are left to OpenNebula."""
    asked = datastore_call(call)
    size = _size_of_file(Path(asked.image.path))
    if size is not None:
        filling.check_allowed(asked.image.path, asked.datastore, call.remotes.parent)
        return str(-(-size // MIB))
    forward = (str(call.remotes / "datastore/fs/stat"), *call.arguments)
    return world.hosts.run("", forward, call.standard_input).strip()


def _size_of_file(path: Path) -> int | None:
    """Bytes of content; None for what is no plain file, or is compressed."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            head = stream.read(32)
    except OSError:
        return None
    if head.startswith(filling.QCOW2) and len(head) == 32:
        return int(struct.unpack(">Q", head[24:32])[0])
    return None if head.startswith(_COMPRESSED) else os.path.getsize(path)


def monitor(call: Call, world: World) -> str:
    """The space of a datastore, of images or of systems, replicas counted."""
    used, total, free = world.storage(datastore_call(call).datastore).space_mib()
    return f"USED_MB={used}\nTOTAL_MB={total}\nFREE_MB={free}"


def export(call: Call, world: World) -> str:
    """Where a marketplace can read an image, and what will come."""
    asked = datastore_call(call)
    storage = world.storage(asked.datastore)
    image = asked.image
    host, device = _open(storage, image.source, asked)
    size = image.size_mib or storage.volumes.get(image.source).size_kib // MIB_KIB
    checksum = world.hosts.run(host, (*world.settings.privileged, "md5sum", device)).split()[0].lstrip("\\")
    return (f"<IMPORT_INFO><IMPORT_SOURCE><![CDATA[ssh://{host}:{device}]]></IMPORT_SOURCE>"
            f"<MD5><![CDATA[{checksum}]]></MD5><SIZE><![CDATA[{size}]]></SIZE><FORMAT><![CDATA[raw]]></FORMAT>"
            "<DISPOSE>NO</DISPOSE></IMPORT_INFO>")


def snap_delete(call: Call, world: World) -> str:
    asked = datastore_call(call)
    storage = world.storage(asked.datastore)
    storage.volumes.delete_snapshot(asked.image.source, naming.snapshot(_target(asked)))
    return asked.image.source


def snap_revert(call: Call, world: World) -> str:
    asked = datastore_call(call)
    world.storage(asked.datastore).volumes.roll_back(asked.image.source, naming.snapshot(_target(asked)))
    return asked.image.source


def snap_flatten(call: Call, world: World) -> str:
    """The image becomes what the snapshot holds, and all its snapshots go."""
    asked = datastore_call(call)
    storage, source = world.storage(asked.datastore), asked.image.source
    wanted = naming.snapshot(_target(asked))
    ours = naming.snapshots_among(snapshot.name for snapshot in storage.volumes.snapshots(source))
    if not ours:
        return source
    storage.volumes.roll_back(source, wanted)
    for name in sorted(ours, key=lambda name: name == wanted):
        storage.volumes.delete_snapshot(source, name)
    return source


def _target(asked: DatastoreCall) -> str:
    if not asked.image.target_snapshot:
        raise BadCall(f"image {asked.object_id} has no TARGET_SNAPSHOT")
    return asked.image.target_snapshot


ACTIONS: dict[str, Callable[[Call, World], str]] = {
    "cp": cp, "mkfs": mkfs, "clone": clone, "rm": rm, "stat": stat, "monitor": monitor, "export": export,
    "snap_delete": snap_delete, "snap_revert": snap_revert, "snap_flatten": snap_flatten,
}

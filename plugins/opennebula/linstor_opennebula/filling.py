"""Content into a volume: from OpenNebula's downloader, as raw bytes whatever the image's format was."""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from linstor_opennebula.driver_data import Datastore, Image
from linstor_opennebula.errors import CommandFailed, Refused
from linstor_opennebula.hosts import Hosts

QCOW2 = b"QFI\xfb"
_HEADER = 80
_EXTERNAL_DATA = 1 << 2
_ONLY_LEAKS = 3
"""What `qemu-img check` ends with where an image wastes space and is whole otherwise."""
_REMOTE = ("http://", "https://", "ssh://", "s3://", "rbd://", "lxd://", "docker://", "restic", "rsync", "netapp://",
           "purefa://", "onebex://")


def check_allowed(path: str, datastore: Datastore, var_dir: Path) -> None:
    """Raises Refused for a file of this machine below a folder that users may not read through OpenNebula."""
    if path.startswith(_REMOTE):
        return
    real = os.path.realpath(path)
    if any(_is_below(real, folder) for folder in datastore.safe_dirs):
        return
    closed = (str(var_dir), "/etc/one", os.path.expanduser("~"), *datastore.restricted_dirs)
    if any(_is_below(real, folder) for folder in closed):
        raise Refused(f"images may not be copied from {path}: its folder is restricted")


def _is_below(path: str, folder: str) -> bool:
    folder = os.path.realpath(folder)
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def downloader(remotes: Path, image: Image, datastore: Datastore) -> tuple[str, ...]:
    """OpenNebula's own downloader, which knows all kinds of sources; it writes to standard output."""
    options: list[str] = []
    for option, value in (("--md5", image.md5), ("--sha1", image.sha1), ("--limit", datastore.limit_transfer_bw)):
        if value:
            options += [option, value]
    if image.no_decompress:
        options.append("--nodecomp")
    return (str(remotes / "datastore/downloader.sh"), *options, image.path, "-")


def _check_self_contained(packed: str) -> None:
    """Raises Refused for an image that names another file as part of its content: it would be read with the rights of
    OpenNebula. Decided by the header alone, before any program opens the image.
    """
    with open(packed, "rb") as file:
        header = file.read(_HEADER).ljust(_HEADER, b"\0")
    version, backing_file = struct.unpack_from(">IQ", header, 4)
    (features,) = struct.unpack_from(">Q", header, 72)
    if backing_file or (version >= 3 and features & _EXTERNAL_DATA):
        raise Refused("the qcow2 image refers to another file for its content: flatten it first (qemu-img convert)")


def _check_whole(hosts: Hosts, packed: str) -> None:
    try:
        hosts.run("", ("qemu-img", "check", "-q", "-f", "qcow2", packed))
    except CommandFailed as error:
        if error.status != _ONLY_LEAKS:
            raise


def fill(hosts: Hosts, command: Sequence[str], host: str, device: str, *, sparse: bool, staging_dir: str) -> None:
    """Write what a command prints to a device on a host; qcow2 is unpacked on the way. Raises CommandFailed."""
    with hosts.output_of(command) as stream:
        first = stream.read(len(QCOW2))
        if first == QCOW2:
            _fill_unpacked(hosts, first, stream, host, device, sparse=sparse, staging_dir=staging_dir)
        else:
            hosts.write_device(host, device, stream, first, sparse=sparse)


def _fill_unpacked(hosts: Hosts, first: bytes, stream: IO[bytes], host: str, device: str, *, sparse: bool,
                   staging_dir: str) -> None:
    """A qcow2 image is read in any order, so it has to be a file first."""
    with tempfile.TemporaryDirectory(dir=staging_dir, prefix="linstor-") as folder:
        packed, raw = os.path.join(folder, "image.qcow2"), os.path.join(folder, "image.raw")
        with open(packed, "wb") as file:
            file.write(first)
            while chunk := stream.read(1024 * 1024):
                file.write(chunk)
        _check_self_contained(packed)
        try:
            # What is cut short would be read as zeros without a word.
            _check_whole(hosts, packed)
            # The format is named, so that no content of a user's image is taken for another one.
            hosts.run("", ("qemu-img", "convert", "-f", "qcow2", "-O", "raw", packed, raw))
        except FileNotFoundError:
            raise CommandFailed("", ("qemu-img",), 127, "qcow2 images need qemu-img on OpenNebula's machine") from None
        with open(raw, "rb") as unpacked:
            hosts.write_device(host, device, unpacked, sparse=sparse)

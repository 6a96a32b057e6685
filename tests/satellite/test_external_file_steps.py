"""Writing and removing external files, on real folders."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from linstor_core.satellite import external_files
from linstor_core.satellite.external_files import checksum_of
from linstor_core.satellite.facts import Absent, ExternalFileFacts, Unobserved
from linstor_core.satellite.failures import StepFailed
from linstor_core.satellite.steps import RemoveExternalFile, WriteExternalFile

OLD, NEW = b"old\n", b"new\x00\xff"


def write(folder: Path, path: Path, content: bytes = NEW, *replaces: bytes) -> None:
    external_files.run(WriteExternalFile(str(path), str(folder), content, tuple(map(checksum_of, replaces))))


def remove(folder: Path, path: Path, *checksums: bytes) -> None:
    external_files.run(RemoveExternalFile(str(path), str(folder), tuple(map(checksum_of, checksums))))


def test_a_file_is_written_replaced_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write(tmp_path, path, OLD)
    write(tmp_path, path, NEW, OLD)
    info = path.stat()
    assert path.read_bytes() == NEW
    assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid) == (0o600, os.geteuid(), os.getegid())
    assert external_files.look(str(path), str(tmp_path)) == ExternalFileFacts(checksum_of(NEW), 0o600)
    assert os.listdir(tmp_path) == ["a"]
    remove(tmp_path, path, NEW)
    remove(tmp_path, path, NEW)
    assert os.listdir(tmp_path) == []
    assert external_files.look(str(path), str(tmp_path)) == Absent()


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(OLD)
    with pytest.raises(StepFailed):
        write(tmp_path, path)
    with pytest.raises(StepFailed):
        remove(tmp_path, path, NEW)
    assert path.read_bytes() == OLD and os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("kind", ["link", "dangling", "folder", "pipe", "large"])
def test_what_is_no_plain_file_is_not_touched(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "a", tmp_path / "other"
    other.write_bytes(OLD)
    match kind:
        case "link":
            path.symlink_to(other)
        case "dangling":
            path.symlink_to(tmp_path / "none")
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "large":
            path.write_bytes(b"")
            os.truncate(path, 1 << 30)
    assert external_files.look(str(path), str(tmp_path)) == ExternalFileFacts()
    with pytest.raises(StepFailed):
        write(tmp_path, path, NEW, OLD)
    with pytest.raises(StepFailed):
        remove(tmp_path, path, OLD)
    assert os.path.lexists(path) and other.read_bytes() == OLD and not (tmp_path / "none").exists()


def test_no_link_leads_out_of_an_allowed_folder(tmp_path: Path) -> None:
    allowed, outside = tmp_path / "allowed", tmp_path / "outside"
    allowed.mkdir()
    outside.mkdir()
    (outside / "a").write_bytes(OLD)
    (allowed / "way").symlink_to(outside)
    path = allowed / "way" / "a"
    assert isinstance(external_files.look(str(path), str(allowed)), Unobserved)
    with pytest.raises(OSError, match="Not a directory"):
        write(allowed, path, NEW, OLD)
    with pytest.raises(OSError, match="Not a directory"):
        remove(allowed, path, OLD)
    assert (outside / "a").read_bytes() == OLD and os.listdir(outside) == ["a"]


def test_a_missing_folder_is_said_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "none" / "a"
    assert external_files.look(str(path), str(tmp_path)) == Absent()
    with pytest.raises(StepFailed, match="does not exist"):
        write(tmp_path, path)
    remove(tmp_path, path, NEW)
    assert os.listdir(tmp_path) == []


def test_what_a_crash_left_goes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write(tmp_path, path)
    left = tmp_path / external_files.temporary_name(str(path))
    left.write_bytes(b"half")
    write(tmp_path, path, OLD, NEW)
    assert os.listdir(tmp_path) == ["a"]
    left.write_bytes(b"half")
    remove(tmp_path, path, OLD)
    assert os.listdir(tmp_path) == []

"""Images, mounts and loop devices come and go; what is not below our folder stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import loop_mounts
from tools.loop_mounts import NoRoom
from tools.processes import CommandFailed, run

pytestmark = pytest.mark.usefixtures("root_required")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    loop_mounts.release(tmp_path)


def attach(file: Path) -> str:
    with file.open("wb") as stream:
        stream.truncate(64 * loop_mounts.MIB)
    return run(["losetup", "--find", "--show", str(file)]).strip()


def test_an_image_is_made_once_and_found_again(place: Path) -> None:
    image, directory = place / "pool.xfs", place / "pool"
    loop_mounts.mount_image(image, directory, 600)
    (directory / "letter").write_text("dear reader")
    assert loop_mounts.supports_reflink(directory)
    loop_mounts.mount_image(image, directory, 600)
    loop_mounts.release(place)
    assert not loop_mounts.is_mounted(directory)
    loop_mounts.mount_image(image, directory, 600)
    assert (directory / "letter").read_text() == "dear reader"


def test_release_takes_a_whole_tower_down_and_nothing_else(place: Path) -> None:
    ours, foreign = place / "ours", place / "foreign"
    foreign.mkdir()
    stranger = attach(foreign / "stranger.img")
    ours.mkdir()
    loop_mounts.mount_image(ours / "pool.xfs", ours / "pool", 600)
    device = attach(ours / "pool/volume.img")
    run(["mkfs.ext4", "-q", device])
    elsewhere = place / "mounted-elsewhere"
    elsewhere.mkdir()
    run(["mount", device, str(elsewhere)])

    loop_mounts.release(ours)
    assert loop_mounts.loop_devices_below(ours) == {}
    assert not loop_mounts.is_mounted(elsewhere)
    assert loop_mounts.loop_devices_below(foreign) == {stranger: foreign / "stranger.img"}
    assert loop_mounts.release(ours) == []


def test_a_volume_in_use_is_not_torn_away(place: Path) -> None:
    device = attach(place / "volume.img")
    run(["mkfs.ext4", "-q", device])
    mountpoint = place / "mounted"
    mountpoint.mkdir()
    run(["mount", device, str(mountpoint)])
    with (mountpoint / "open").open("w"), pytest.raises(CommandFailed, match="busy"):
        loop_mounts.release(place)
    assert device in loop_mounts.loop_devices_below(place)


def test_a_full_disk_is_said_before_anything_is_made(place: Path) -> None:
    with pytest.raises(NoRoom, match="a storage pool needs 512 MiB at least"):
        loop_mounts.mount_image(place / "pool.xfs", place / "pool", 100)
    assert not (place / "pool.xfs").exists()

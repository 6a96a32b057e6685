"""What end-to-end tests do with a volume once they have its device: file systems, trees, checksums."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.processes import run


def make_file_system(device: str, kind: str = "ext4") -> None:
    run([f"mkfs.{kind}", "-q", device])


@contextmanager
def mounted(device: str, mountpoint: Path) -> Iterator[Path]:
    """Two copies of one xfs may be mounted side by side only with nouuid; ext4 does not care."""
    mountpoint.mkdir(exist_ok=True)
    run(["mount", device, str(mountpoint)])
    try:
        yield mountpoint
    finally:
        run(["umount", str(mountpoint)])


def checksums(tree: Path) -> dict[str, str]:
    """Relative path -> SHA-256 of every regular file."""
    return {str(path.relative_to(tree)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in tree.rglob("*") if path.is_file() and not path.is_symlink()}

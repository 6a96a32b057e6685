"""How file systems are made; computes argument lists only."""

from __future__ import annotations

import shlex

from linstor_core.domain.errors import Code
from linstor_core.satellite.failures import Unsupported

SUPPORTED = ("ext4", "xfs")


def check_type(file_system: str) -> None:
    """Raises Unsupported."""
    if file_system not in SUPPORTED:
        raise Unsupported(f"The file system type '{file_system}' is not supported", Code.INVLD_PROP,
                          correction=f"Set FileSystem/Type to one of: {', '.join(SUPPORTED)}.")


def mkfs(file_system: str, params: str, target: str, user_id: int, group_id: int) -> tuple[tuple[str, ...], bytes]:
    """The command and its standard input.

    The discard that mkfs does by default would take a thick file's blocks away. Options of `params` come later and win.
    """
    extra = tuple(shlex.split(params))
    if file_system == "ext4":
        options = f"nodiscard,root_owner={user_id}:{group_id}"
        return ("mkfs.ext4", "-q", "-F", "-E", options, *extra, target), b""
    if not user_id and not group_id:
        return ("mkfs.xfs", "-q", "-f", "-K", *extra, target), b""
    prototype = f"/none\n0 0\nd--755 {user_id} {group_id}\n$\n"
    return ("mkfs.xfs", "-q", "-f", "-K", "-p", "/dev/stdin", *extra, target), prototype.encode()

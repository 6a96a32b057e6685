"""Stable names of devices: `<folder>/<resource>/<volume number>` is a symbolic link to the volume's present device.

The folder belongs to one satellite (`owned_folder`). In it a link is ours if its name is a number and it leads into
/dev; nothing else is ever replaced or removed. Links of an earlier boot lead to devices that may be somebody else's by
now: they go before anything else is done.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from linstor_core.satellite.facts import LinkFacts, Unobserved
from linstor_core.satellite.failures import StepFailed, unobserved
from linstor_core.satellite.owned_folder import NotOurs, OwnedFolder
from linstor_core.satellite.steps import LinkDevice, UnlinkDevice

_log = logging.getLogger(__name__)
DEFAULT_FOLDER = "/dev/linstor/by-res"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_Found = TypeVar("_Found")


class DeviceLinks:
    """Names are told to nobody while their folder can't be used: volumes work without them, and the log says why."""

    def __init__(self, folder: str, state_directory: Path) -> None:
        """`folder` is absolute, or empty for no names at all."""
        self._folder = OwnedFolder(folder, state_directory, _clear) if folder else None
        self._told = ""

    def look(self, resource: str) -> LinkFacts | Unobserved:
        """The names of one resource."""
        if self._folder is None:
            return LinkFacts()
        if "/" in resource or resource.startswith(".") or not resource:
            return Unobserved(f"'{resource}' can't be the name of a folder")
        path = os.path.join(self._folder.path, resource)
        return self._looked(lambda folder: _look(folder, resource, path))

    def resources(self) -> tuple[str, ...] | Unobserved:
        """The resources that have names."""
        return () if self._folder is None else self._looked(_folders)

    def run(self, step: LinkDevice | UnlinkDevice) -> None:
        """Raises OSError, StepFailed. What a crash of the machine takes away is made again at the next start."""
        if self._folder is None:
            raise StepFailed(f"Could not {step.description}", cause="This satellite gives no names.")
        try:
            with self._folder.opened() as folder:
                _run(folder, step)
        except NotOurs as refusal:
            raise StepFailed(f"Could not {step.description}", cause=str(refusal),
                             correction="Give the satellite a folder of its own.") from refusal

    def _looked(self, look: Callable[[int], _Found]) -> _Found | Unobserved:
        assert self._folder is not None
        try:
            with self._folder.opened() as folder:
                found = look(folder)
        except OSError as error:
            unseen = unobserved(f"the names of devices in '{self._folder.path}'", error)
        except NotOurs as refusal:
            unseen = Unobserved(f"'{self._folder.path}' is not for this satellite's names", str(refusal),
                                "Give the satellite a folder of its own.")
        else:
            self._told = ""
            return found
        if unseen.reason != self._told:
            self._told = unseen.reason
            _log.warning("Devices get no stable names: %s (%s)", unseen.reason, unseen.cause)
        return unseen


NO_NAMES = DeviceLinks("", Path("/"))


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit()


@contextlib.contextmanager
def _inside(folder: int, name: str) -> Iterator[int]:
    """A folder below the open one. Raises OSError: no link is followed."""
    opened = os.open(name, _FOLDER, dir_fd=folder)
    try:
        yield opened
    finally:
        os.close(opened)


def _folders(folder: int) -> tuple[str, ...]:
    with os.scandir(folder) as entries:
        return tuple(sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False)))


def _look(folder: int, resource: str, path: str) -> LinkFacts:
    try:
        with _inside(folder, resource) as inner:
            names = {name: _target(inner, name) for name in os.listdir(inner) if not name.startswith(".")}
    except FileNotFoundError:
        return LinkFacts(path)
    except NotADirectoryError:
        return LinkFacts(path, foreign=("",))
    return LinkFacts(path, {name: target for name, target in names.items() if target},
                     tuple(sorted(name for name, target in names.items() if not target)))


def _target(inner: int, name: str) -> str:
    """Where a link of ours leads; empty for anything else."""
    try:
        target = os.readlink(name, dir_fd=inner)
    except OSError:
        return ""
    return target if _is_number(name) and target.startswith("/dev/") else ""


def _run(folder: int, step: LinkDevice | UnlinkDevice) -> None:
    resource, name = step.link.rsplit("/", 2)[-2:]
    if isinstance(step, UnlinkDevice):
        with contextlib.suppress(FileNotFoundError), _inside(folder, resource) as inner:
            if _expected(inner, name, (step.device,), step):
                os.unlink(name, dir_fd=inner)
        with contextlib.suppress(OSError):
            os.rmdir(resource, dir_fd=folder)  # other volumes may have their names in it
        return
    if not stat.S_ISBLK(os.stat(step.device).st_mode):
        raise StepFailed(f"Could not {step.description}", cause=f"'{step.device}' is no block device.",
                         correction="Repair the node's /dev; the node tries again by itself.")
    with contextlib.suppress(FileExistsError):
        os.mkdir(resource, 0o755, dir_fd=folder)
    with _inside(folder, resource) as inner:
        _expected(inner, name, (step.replaces, step.device), step)
        fresh = f".{name}.new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh, dir_fd=inner)
        os.symlink(step.device, fresh, dir_fd=inner)
        os.rename(fresh, name, src_dir_fd=inner, dst_dir_fd=inner)


def _expected(inner: int, name: str, targets: tuple[str, ...], step: LinkDevice | UnlinkDevice) -> bool:
    """Whether there is a link of ours; one that leads somewhere else, and anything else, is refused."""
    try:
        os.lstat(name, dir_fd=inner)
    except FileNotFoundError:
        return False
    target = _target(inner, name)
    if not target or target not in targets:
        raise StepFailed(f"Could not {step.description}",
                         cause=f"It was changed by somebody else: it leads to '{target}'." if target else
                               "Something that is no name of ours is there.",
                         correction="Move away what is there; the node tries again by itself.")
    return True


def _clear(folder: int) -> None:
    """Remove every link of ours."""
    for resource in _folders(folder):
        with _inside(folder, resource) as inner:
            for name in os.listdir(inner):
                if _target(inner, name):
                    os.unlink(name, dir_fd=inner)
        with contextlib.suppress(OSError):
            os.rmdir(resource, dir_fd=folder)

"""Why a satellite refuses or fails.

    LinstorError
    └── SatelliteError
        ├── NotObserved     the world could not be looked at, so nothing is planned over it
        ├── UnsafePlan      what the spec asks for could destroy data
        │   ├── ForeignContent      something that is not ours stands where a volume has to be
        │   ├── ContentVanished     a volume that was complete is not there any more
        │   └── ContentMismatch     a source holds other content than the spec means
        ├── Unsupported     the node cannot do this
        └── StepFailed      a step was tried and failed

Each ends as a `Failure` in the report; caught only by the planner and the reconciler.
"""

from __future__ import annotations

import errno

from linstor_core.domain.errors import Code, LinstorError
from linstor_core.domain.observed import Failure
from linstor_core.satellite.facts import Unobserved


class SatelliteError(LinstorError):
    """Anything that ends in a report's failures."""

    def failure(self) -> Failure:
        return Failure(self.message, self.cause, self.correction, self.details, self.code)


class NotObserved(SatelliteError):
    """The world could not be looked at: nothing is planned over it."""

    def __init__(self, unobserved: Unobserved) -> None:
        super().__init__(unobserved.reason, unobserved.code, cause=unobserved.cause,
                         correction=unobserved.correction or "Repair the cause; the node tries again by itself.")


class UnsafePlan(SatelliteError):
    """What the spec asks for could destroy data."""


class ForeignContent(UnsafePlan):
    """Something that is not ours stands where a volume or snapshot has to be."""

    def __init__(self, path: str, found: str, wanted: str) -> None:
        what = f"carries the data id '{found}'" if found else "carries no data id"
        super().__init__(
            f"'{path}' exists and does not belong to this volume", Code.STOR_POOL_CONFIGURATION,
            cause=f"The file {what}, expected was '{wanted}'.",
            correction="Move the file away if it is not needed here, or give the volume another name. "
                       "It is never overwritten.")
        self.path = path


class ContentVanished(UnsafePlan):
    """A volume or snapshot that was complete is not there any more: it is not made again empty."""

    def __init__(self, path: str, stale_device: str = "") -> None:
        still = f" Its content can still be read from {stale_device} while that is attached." if stale_device else ""
        super().__init__(
            f"The backing file '{path}' has vanished", Code.STOR_POOL_CONFIGURATION,
            cause="The file was complete before and is not there any more: it was removed or moved away, or the "
                  f"directory's file system is not mounted.{still}",
            correction="Mount the file system or put the file back with its extended attributes; if the data is lost, "
                       "delete the resource on this node and create it again.")


class ContentMismatch(UnsafePlan):
    """A source is missing or holds other content than the spec means."""

    def __init__(self, path: str, found: str, wanted: str) -> None:
        cause = f"It carries the data id '{found}', expected was '{wanted}'." if found else "It does not exist."
        super().__init__(f"'{path}' does not hold the content to copy from", Code.NOT_FOUND_SNAPSHOT_VLM_DFN,
                         cause=cause, correction="Choose another snapshot or volume as the source.")


class Unsupported(SatelliteError):
    """The node cannot do this."""


class StepFailed(SatelliteError):
    """A step was tried and failed; it may be tried again."""


_BY_ERRNO: dict[int, tuple[int, str, str]] = {
    errno.ENOSPC: (Code.NOT_ENOUGH_FREE_SPACE, "The file system of the storage pool is full.",
                   "Free space in the storage pool, enlarge it, or place the volume elsewhere."),
    errno.EDQUOT: (Code.NOT_ENOUGH_FREE_SPACE, "The quota of the storage pool's directory is used up.",
                   "Raise the quota or free space in the storage pool."),
    errno.EROFS: (Code.STOR_POOL_CONFIGURATION, "The file system of the storage pool is read-only.",
                  "Find out why (see the kernel's log), and mount it writable."),
    errno.EACCES: (Code.STOR_POOL_CONFIGURATION, "The satellite may not write there.",
                   "Give the satellite's user access to the storage pool's directory."),
    errno.EBUSY: (Code.IN_USE, "The device is in use.", "Unmount it or end what has it open."),
    errno.ENOENT: (Code.STOR_POOL_CONFIGURATION, "A file or directory is missing.",
                   "Check that the storage pool's directory exists and its file system is mounted."),
    errno.EOPNOTSUPP: (Code.SNAPSHOTS_NOT_SUPPORTED, "The file system cannot do this.",
                       "Use a file system with reflinks and extended attributes, such as XFS."),
    errno.EXDEV: (Code.SNAPSHOTS_NOT_SUPPORTED, "Blocks cannot be shared between different file systems.",
                  "Use a source in a storage pool on the same file system."),
}


def step_failed(what: str, error: OSError) -> StepFailed:
    """`what` is a step's description: it stands in "could not …"."""
    code, cause, correction = _BY_ERRNO.get(error.errno or 0, (0, "", "Repair the cause; the node tries again."))
    return StepFailed(f"Could not {what}: {error.strerror or error}", code, cause=cause or str(error),
                      correction=correction, details=str(error))


def unobserved(what: str, error: OSError) -> Unobserved:
    code, cause, correction = _BY_ERRNO.get(error.errno or 0, (0, "", ""))
    return Unobserved(f"Could not look at {what}: {error.strerror or error}", cause or str(error), correction, code)

"""What the executor can do, as values. A crash is allowed before, in and after each: the next plan goes on from there.

`path` is always a backing file, `device` a block device. A `data_id` in a step is what the file has to be tagged with:
the executor looks again on the open file before it acts, and refuses when it finds another one.
"""

from __future__ import annotations

from msgspec import Struct

from linstor_core.domain.resources import DataSource
from linstor_core.wire.resource_spec import Origin


class CreateBackingFile(Struct, frozen=True, tag="create_backing_file"):
    """Make an empty file at `temporary`, tagged blank. Thick files get all of their blocks at once."""

    temporary: str
    size_bytes: int
    thick: bool
    data_id: str

    @property
    def description(self) -> str:
        kind = "thick" if self.thick else "thin"
        return f"create the {kind} file {self.temporary} of {self.size_bytes} bytes"


class CopyReflink(Struct, frozen=True, tag="copy_reflink"):
    """Make `temporary` share the blocks of `source`, as they are now, and enlarge it to at least `size_bytes`."""

    source: str
    source_data_id: str
    temporary: str
    size_bytes: int
    data_id: str

    @property
    def description(self) -> str:
        return f"copy {self.source} to {self.temporary} by sharing its blocks"


class FetchContent(Struct, frozen=True, tag="fetch_content"):
    """Let `temporary` become what `source` is on another node, at least `size_bytes` large.

    May take hours: no executor runs it, the reconciler does, between two plans (satellite/content_fetches.py). What was
    fetched before an interruption stays.
    """

    origin: Origin
    source: DataSource
    temporary: str
    size_bytes: int
    thick: bool
    data_id: str

    @property
    def description(self) -> str:
        snapshot = f"_{self.source.snapshot_name}" if self.source.snapshot_name else ""
        return (f"fetch the content of {self.source.identifier}{snapshot} on node {self.origin.node_name} "
                f"into {self.temporary}")


class MakeFileSystem(Struct, frozen=True, tag="make_file_system"):
    """Format a file that nobody has ever seen: it is still at its temporary name and tagged blank."""

    temporary: str
    data_id: str
    file_system: str
    mkfs_params: str = ""
    user: str = ""
    group: str = ""

    @property
    def description(self) -> str:
        return f"make an {self.file_system} file system in {self.temporary}"


class PublishFile(Struct, frozen=True, tag="publish_file"):
    """Tag `temporary` ready, make it durable and give it its name `path`, which has to be free."""

    temporary: str
    path: str
    data_id: str

    @property
    def description(self) -> str:
        return f"put {self.path} in place"


class ReplaceFile(Struct, frozen=True, tag="replace_file"):
    """Rename `temporary` over `path`, whose content has to be `replaces`: that content is gone afterwards."""

    temporary: str
    path: str
    data_id: str
    replaces: str

    @property
    def description(self) -> str:
        return f"replace the content of {self.path}"


class GrowFile(Struct, frozen=True, tag="grow_file"):
    """Enlarge a file; a larger one is left as it is."""

    path: str
    size_bytes: int
    thick: bool
    data_id: str

    @property
    def description(self) -> str:
        return f"enlarge {self.path} to {self.size_bytes} bytes"


class RemoveFile(Struct, frozen=True, tag="remove_file"):
    """Remove a file whose tag is one of `data_ids`. An untagged file goes only when it is empty and `is_temporary`."""

    path: str
    data_ids: tuple[str, ...]
    is_temporary: bool = False

    @property
    def description(self) -> str:
        return f"remove {self.path}"


class AttachLoop(Struct, frozen=True, tag="attach_loop"):
    """Set up a loop device over the file. One that `is_new` was made by this very plan: none can be over it yet."""

    path: str
    data_id: str
    is_new: bool = False

    @property
    def description(self) -> str:
        return f"attach {self.path} to a loop device"


class DetachLoop(Struct, frozen=True, tag="detach_loop"):
    """Take the loop device off the file `file_id`; fails with IN_USE when anything holds the device open."""

    path: str
    device: str
    file_id: str

    @property
    def description(self) -> str:
        return f"detach {self.device} from {self.path}"


class ResizeLoop(Struct, frozen=True, tag="resize_loop"):
    """Let the loop device have the size of its file."""

    path: str
    device: str
    file_id: str

    @property
    def description(self) -> str:
        return f"let {self.device} grow to the size of {self.path}"


class SyncDevice(Struct, frozen=True, tag="sync_device"):
    """Write out what is still in memory for the device, and for a file system that is mounted from it."""

    device: str

    @property
    def description(self) -> str:
        return f"write out what is cached for {self.device}"


class LinkDevice(Struct, frozen=True, tag="link_device"):
    """Let the name `link` lead to `device`, at once and whole; it has to be free, or to lead to `replaces`."""

    link: str
    device: str
    replaces: str = ""

    @property
    def description(self) -> str:
        return f"give {self.device} the name {self.link}"


class UnlinkDevice(Struct, frozen=True, tag="unlink_device"):
    """Remove the name `link`, which has to lead to `device`."""

    link: str
    device: str

    @property
    def description(self) -> str:
        return f"take the name {self.link} from {self.device}"


class WriteExternalFile(Struct, frozen=True, tag="write_external_file"):
    """Put content at `path` below the allowed `folder`; what is there has to have one of the checksums `replaces`."""

    path: str
    folder: str
    content: bytes
    replaces: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        return f"write the external file {self.path} of {len(self.content)} bytes"

    def __repr__(self) -> str:
        return f"WriteExternalFile({self.path!r})"  # its content may be secret


class RemoveExternalFile(Struct, frozen=True, tag="remove_external_file"):
    """Remove the file at `path` below the allowed `folder` if it has one of the checksums."""

    path: str
    folder: str
    checksums: tuple[str, ...]

    @property
    def description(self) -> str:
        return f"remove the external file {self.path}"


Step = (CreateBackingFile | CopyReflink | MakeFileSystem | PublishFile | ReplaceFile | GrowFile | RemoveFile
        | AttachLoop | DetachLoop | ResizeLoop | SyncDevice | LinkDevice | UnlinkDevice | WriteExternalFile
        | RemoveExternalFile)
"""What an executor runs."""
PlannedStep = Step | FetchContent

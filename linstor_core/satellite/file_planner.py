"""Decides what to do about one external file. What was not written by this satellite is never replaced or removed."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from linstor_core.domain.observed import ExternalFileSeen, Failure
from linstor_core.satellite.external_files import MODE, checksum_of, folder_of
from linstor_core.satellite.facts import Absent, ExternalFileFacts, Unobserved
from linstor_core.satellite.steps import RemoveExternalFile, WriteExternalFile
from linstor_core.wire.external_files import ExternalFileSpec

Facts = ExternalFileFacts | Absent | Unobserved


class FilePlan(Struct, frozen=True):
    """One step, or none; `failure` says why it can't be as it should."""

    step: WriteExternalFile | RemoveExternalFile | None = None
    failure: Failure | None = None


class Subject(Struct, frozen=True):
    """A file: `wanted` is None when no resource needs it, `written` the checksums of what was written there."""

    path: str
    wanted: ExternalFileSpec | None = None
    written: tuple[str, ...] = ()


def plan(subject: Subject, folders: Sequence[str], facts: Facts) -> FilePlan:
    folder = folder_of(subject.path, folders)
    if not folder:
        return FilePlan(failure=not_allowed(subject.path)) if subject.wanted or subject.written else FilePlan()
    if isinstance(facts, Unobserved):
        return FilePlan(failure=Failure(facts.reason, facts.cause, facts.correction or "Repair the cause; the node "
                                        "tries again by itself.", code=facts.code))
    if subject.wanted is not None:
        return _brought(subject.wanted, subject.written, folder, facts)
    if not subject.written:
        return FilePlan()
    if isinstance(facts, ExternalFileFacts) and facts.checksum not in subject.written:
        return FilePlan(failure=Failure(
            f"'{subject.path}' is left on the node", "Nothing needs it any more, but it was changed after it was "
            "written.", "Remove it by hand if it is not needed."))
    return FilePlan(RemoveExternalFile(subject.path, folder, subject.written))


def _brought(wanted: ExternalFileSpec, written: tuple[str, ...], folder: str,
             facts: ExternalFileFacts | Absent) -> FilePlan:
    step = WriteExternalFile(wanted.path, folder, wanted.content, written)
    if isinstance(facts, Absent):
        return FilePlan(step)
    is_ours = facts.checksum in written
    if facts.checksum == checksum_of(wanted.content) and (facts.mode == MODE or not is_ours):
        return FilePlan()
    if is_ours:
        return FilePlan(step)
    return FilePlan(failure=Failure(
        f"'{wanted.path}' exists and is not what was written there",
        "Somebody else made or changed it; it is never overwritten.",
        "Move it away, and the node writes its own; or register its content as the external file."))


def not_allowed(path: str) -> Failure:
    return Failure(f"This node does not allow the external file '{path}'",
                   "It is in none of the folders that the satellite was told to allow.",
                   "Start the satellite with --allow-external-files and the folder; it may be given several times.")


def seen(subject: Subject, folders: Sequence[str], facts: Facts, failure: Failure | None) -> ExternalFileSeen:
    """The answer about a file, after everything was done that could be."""
    there = facts.checksum if isinstance(facts, ExternalFileFacts) else ""
    expected = (checksum_of(subject.wanted.content),) if subject.wanted is not None else subject.written
    return ExternalFileSeen(subject.path, bool(folder_of(subject.path, folders)), subject.wanted is not None,
                            there in expected, failure)

"""Decisions about external files as data: every file of tests/plans/external_files is one case."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

from linstor_core.satellite import file_planner
from linstor_core.satellite.external_files import checksum_of, folder_of
from linstor_core.satellite.facts import Absent, ExternalFileFacts, Unobserved
from linstor_core.satellite.steps import RemoveExternalFile, WriteExternalFile
from linstor_core.wire.external_files import ExternalFileSpec

PLANS = Path(__file__).parents[1] / "plans" / "external_files"


class Case(Struct, forbid_unknown_fields=True):
    """Contents stand for their checksums; `there` is None where nothing is, "link" what is no file of ours."""

    about: str
    wanted: str | None = None
    written: tuple[str, ...] = ()
    there: str | None = None
    mode: int = 0o600
    unobserved: str = ""
    folders: tuple[str, ...] = ("/etc/app",)
    step: str = ""
    error: str = ""


@pytest.mark.parametrize("path", sorted(PLANS.glob("*.json")), ids=lambda path: path.stem)
def test_plan(path: Path) -> None:
    case = msgspec.json.decode(path.read_bytes(), type=Case)
    file = "/etc/app/a.conf"
    written = tuple(checksum_of(text.encode()) for text in case.written)
    spec = ExternalFileSpec(file, case.wanted.encode()) if case.wanted is not None else None
    facts: file_planner.Facts = Absent()
    if case.unobserved:
        facts = Unobserved(case.unobserved)
    elif case.there is not None:
        facts = ExternalFileFacts("" if case.there == "link" else checksum_of(case.there.encode()), case.mode)
    plan = file_planner.plan(file_planner.Subject(file, spec, written), case.folders, facts)
    steps = {"": None, "remove": RemoveExternalFile(file, "/etc/app", written),
             "write": WriteExternalFile(file, "/etc/app", (case.wanted or "").encode(), written)}
    assert plan.step == steps[case.step]
    assert (plan.failure is not None) is bool(case.error)
    if plan.failure is not None:
        assert case.error in f"{plan.failure.message} {plan.failure.cause}" and plan.failure.correction


@pytest.mark.parametrize(("path", "folder"), [
    ("/etc/app/a", "/etc/app"), ("/etc/app/deep/a", "/etc/app/deep"), ("/etc/app", ""), ("/etc/apple/a", ""),
    ("/etc/app/../a", ""), ("/etc/app//a", ""), ("etc/app/a", ""), ("/etc/app/a\n", ""), ("//etc/app/a", "")])
def test_a_path_is_in_a_folder_by_its_parts(path: str, folder: str) -> None:
    assert folder_of(path, ("/etc/app", "/etc/app/deep")) == folder
    assert folder_of(path, ()) == ""


def test_the_root_allows_everything() -> None:
    assert folder_of("/a", ("/",)) == "/"


def test_contents_are_not_printed() -> None:
    assert "secret" not in repr(ExternalFileSpec("/a", b"secret")) + repr(WriteExternalFile("/a", "/", b"secret"))

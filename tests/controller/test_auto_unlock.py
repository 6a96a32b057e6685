"""The master passphrase that a service finds at its start."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from linstor_core.controller import auto_unlock
from linstor_core.controller.auto_unlock import CREDENTIAL, CREDENTIALS, ENVIRONMENT, Passphrase
from linstor_core.domain.errors import Code, InvalidInput
from tools import processes, services


def file_with(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_the_file_goes_before_the_credential_and_that_before_the_environment(tmp_path: Path) -> None:
    file_with(tmp_path / CREDENTIAL, b"of systemd", 0o440)
    environment = {ENVIRONMENT: "of the environment", CREDENTIALS: str(tmp_path)}
    found = auto_unlock.find(dict(environment), file_with(tmp_path / "file", b"of the file\n"))
    assert found is not None and (found.text, found.source) == ("of the file", str(tmp_path / "file"))
    found = auto_unlock.find(dict(environment))
    assert found is not None and found.text == "of systemd"
    found = auto_unlock.find({**environment, CREDENTIALS: str(tmp_path / "none")})
    assert found is not None and found.text == "of the environment"
    assert auto_unlock.find({}) is None


def test_no_later_process_inherits_the_passphrase(tmp_path: Path) -> None:
    environment = {ENVIRONMENT: "hidden", "OTHER": "1"}
    auto_unlock.find(environment, file_with(tmp_path / "file", b"other"))
    assert environment == {"OTHER": "1"}


def test_the_passphrase_is_not_in_what_is_printed() -> None:
    assert "hidden" not in repr(Passphrase("hidden", "somewhere"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o610])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(InvalidInput) as refusal:
        auto_unlock.find({}, file_with(tmp_path / "file", b"hidden", mode))
    assert refusal.value.code == Code.INVLD_CRYPT_PASSPHRASE
    assert f"{mode:04o}" in refusal.value.cause and "chmod" in refusal.value.correction


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"x" * 5000])
def test_a_file_without_a_passphrase_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InvalidInput):
        auto_unlock.find({}, file_with(tmp_path / "file", content))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "none", tmp_path, tmp_path / "pipe"):
        with pytest.raises(InvalidInput):
            auto_unlock.find({}, path)


def test_a_controller_sets_the_passphrase_once_and_opens_its_key_at_every_start(
        tmp_path: Path, status_of_start: Callable[[bytes | None], str]) -> None:
    assert status_of_start(None) == "unset"
    assert status_of_start(b"correct horse\n") == "unlocked"
    assert status_of_start(b"correct horse") == "unlocked"
    assert status_of_start(b"battery staple") == "locked"
    assert status_of_start(None) == "locked"
    assert not [path for path in tmp_path.rglob("*.db*") if b"correct horse" in path.read_bytes()]
    assert "battery" not in (tmp_path / "controller.log").read_text()


@pytest.fixture
def status_of_start(tmp_path: Path) -> Callable[[bytes | None], str]:
    """Starts a controller with this file (None: without) on the state of the test, and says how its key is."""
    def start(content: bytes | None) -> str:
        address, log = services.free_address(), tmp_path / "controller.log"
        arguments = ["--listen", address, "--state", str(tmp_path / "state")]
        if content is not None:
            arguments += ["--master-passphrase-file", str(file_with(tmp_path / "passphrase", content))]
        identity = services.start("linstor_core.controller", arguments, log)
        try:
            services.wait_until_healthy(address, identity, log)
            with urllib.request.urlopen(f"http://{address}/v1/encryption/passphrase", timeout=10) as answer:
                return str(json.load(answer)["status"])
        finally:
            processes.stop(identity, timeout_s=5)

    return start

"""Keys come from a file that nobody else can read."""

from __future__ import annotations

from pathlib import Path

import pytest
from linstor_cloudstack import settings
from linstor_cloudstack.__main__ import main
from linstor_cloudstack.arguments import parser
from linstor_cloudstack.errors import Refused

TEXT = ("[cloudstack]\nendpoint = http://c/client/api\nkey = k%ey\nsecret = s3cr3t\n"
        "[linstor]\ncontrollers = a,b\ntoken = t0k\n")


def written(folder: Path, text: str = TEXT, mode: int = 0o600) -> Path:
    file = folder / "conf"
    file.write_text(text)
    file.chmod(mode)
    return file


def test_reading(tmp_path: Path) -> None:
    found = settings.read(written(tmp_path))
    assert (found.endpoint, found.key, found.secret, found.controllers) == (
        "http://c/client/api", "k%ey", "s3cr3t", "a,b")
    assert found.credentials.token == "t0k"
    assert not any(secret in repr(found) for secret in ("k%ey", "s3cr3t", "t0k"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o601])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(Refused, match="chmod 600"):
        settings.read(written(tmp_path, mode=mode))


@pytest.mark.parametrize("text, words", [
    ("", "lacks endpoint, key, secret"), ("s3cr3t", "can't be understood"), (TEXT + "tokne = x\n", "unknown tokne"),
    (TEXT.replace("key", "timeout_s = soon\nkey"), "timeout_s has to be"),
    (TEXT.replace("key", "poll_s = 0\nkey"), "poll_s has to be"),
])
def test_a_file_with_faults_is_refused_without_showing_it(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        settings.read(written(tmp_path, text))
    assert "s3cr3t" not in str(refused.value)


def test_without_a_file_it_says_what_is_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(tmp_path / "absent"), "check"]) == 1
    assert "address and keys" in capsys.readouterr().err


def test_no_argument_takes_a_secret() -> None:
    text = parser().format_help()
    assert not any(word in text for word in ("--key", "--secret", "--token", "--password"))

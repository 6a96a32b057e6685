"""Background processes are found again, and nobody else is taken for them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from tools import processes
from tools.processes import CommandFailed, ProcessIdentity

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
                                  "print('ready', flush=True); time.sleep(60)"]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[ProcessIdentity]:
    identity = processes.start(SLEEP, tmp_path / "log")
    yield identity
    processes.kill(identity)


def test_a_process_is_found_by_what_was_saved(sleeper: ProcessIdentity, tmp_path: Path) -> None:
    processes.save(tmp_path / "identity", sleeper)
    found = processes.load(tmp_path / "identity")
    assert found == sleeper
    assert found is not None and processes.is_alive(found)


@pytest.mark.parametrize("other", [{"started": 1}, {"boot_id": "another boot"}])
def test_a_pid_that_was_given_to_somebody_else_is_not_ours(sleeper: ProcessIdentity, other: dict[str, object]) -> None:
    impostor = structs.replace(sleeper, **other)
    assert not processes.is_alive(impostor)
    assert processes.stop(impostor)
    assert processes.is_alive(sleeper)


def test_stop_says_whether_asking_was_enough(sleeper: ProcessIdentity, tmp_path: Path) -> None:
    assert processes.stop(sleeper)
    assert not processes.is_alive(sleeper)
    stubborn = processes.start(STUBBORN, tmp_path / "stubborn")
    while "ready" not in (tmp_path / "stubborn").read_text():
        assert processes.is_alive(stubborn)
    assert not processes.stop(stubborn, timeout_s=0.2)
    assert not processes.is_alive(stubborn)


def test_a_torn_file_names_nobody(tmp_path: Path) -> None:
    (tmp_path / "torn").write_text('{"pid": 1')
    assert processes.load(tmp_path / "torn") is None
    assert processes.load(tmp_path / "missing") is None


def test_a_failed_command_says_what_it_said() -> None:
    with pytest.raises(CommandFailed, match="status 3: out of tea") as caught:
        processes.run(["sh", "-c", "echo out of tea >&2; exit 3"])
    assert caught.value.status == 3

"""Whole clusters under virtual time: many histories, those that once failed, and known faults that have to be found.

The histories are played by the program itself, in a process whose sets have one order: as whoever repeats them does it.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import msgspec
import pytest

from linstor_core.testing.simulation.campaign import COMMAND, Summary
from linstor_core.testing.simulation.history import play
from linstor_core.testing.simulation.planted import PLANTS
from linstor_core.testing.simulation.script import CALLS, FAULTS, HOST_DEEDS, Script, drawn
from tools.processes import CommandFailed, run

ALWAYS = 250
FRESH_S = 15.0
FRESH_FROM = 1_000_000
FOUND = sorted(Path(__file__).with_name("histories").glob("*.json"))

HAPPENED = {
    "a commit failed", "a controller was killed after a commit was durable",
    "a controller was killed before a commit was durable", "the controller was killed",
    "the controller was killed in its work", "a satellite was killed", "a satellite was killed in its work",
    "a satellite was killed between two steps", "the end of a journal was torn", "a write to the journal failed",
    "a host lost its power", "an unfinished file was lost with the power", "a partition", "a loss in one direction",
    "a connection was torn", "frames were lost at a cut", "a connection was given up in silence",
    "a message was repeated", "a frame of an older link arrived after the new one", "a slow network",
    "a deletion while its node was cut off", "a device was held open", "files could not be looked at",
    "a step failed: EIO", "a step failed: ENOSPC", "the controller's clock was set", "content was written",
    "content came from another node", "a host came up without the file system of a pool",
}
"""What a test of these histories has to have seen."""

DONE = {
    "POST /v1/nodes", "DELETE /v1/nodes/<node>", "POST /v1/nodes/<node>/storage-pools", "POST /v1/resource-definitions",
    "DELETE /v1/nodes/<node>/storage-pools/<pool>", "PUT /v1/nodes/<node>/evacuate",
    "DELETE /v1/resource-definitions/<resource>", "POST /v1/resource-definitions/<resource>/resources/<node>",
    "DELETE /v1/resource-definitions/<resource>/resources/<node>", "POST /v1/resource-definitions/<resource>/autoplace",
    "POST /v1/resource-definitions/<resource>/volume-definitions", "POST /v1/resource-definitions/<resource>/clone",
    "DELETE /v1/resource-definitions/<resource>/volume-definitions/<number>",
    "PUT /v1/resource-definitions/<resource>/volume-definitions/<number>",
    "POST /v1/resource-definitions/<resource>/snapshots",
    "DELETE /v1/resource-definitions/<resource>/snapshots/<snapshot>",
    "POST /v1/resource-definitions/<resource>/snapshot-restore-resource/<snapshot>",
    "POST /v1/resource-definitions/<resource>/snapshot-rollback/<snapshot>",
    "POST /v1/resource-definitions/<resource>/rename", "POST /v1/resource-definitions/<resource>/resources/<node>/move",
    "POST /v1/resource-definitions/<resource>/resources/<node>/activate",
    "POST /v1/resource-definitions/<resource>/resources/<node>/deactivate", "POST /v1/jobs/<job>/cancel",
}


def simulation(*arguments: str, hash_seed: str = "random") -> str:
    """The output. Raises CommandFailed where a history fails."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return run([sys.executable, *COMMAND.split()[1:], *arguments], timeout_s=240, environment=environment)


def summary(output: str) -> Summary:
    return msgspec.json.decode(output.splitlines()[-1], type=Summary)


def test_everything_holds_in_a_fixed_range_of_histories_in_which_everything_happens() -> None:
    try:
        found = summary(simulation("--count", str(ALWAYS), "--json"))
    except CommandFailed as failed:
        pytest.fail(failed.output)
    print(f"{found.histories} histories, {found.histories / found.cpu_s:.1f} a second")
    drawn_kinds = {f"event {kind}" for kind in (*CALLS, *HOST_DEEDS, *FAULTS)}
    assert sorted((HAPPENED | drawn_kinds) - found.coverage.keys()) == []
    assert sorted(row for row in DONE if f"{row}: done" not in found.coverage) == []


def test_everything_holds_in_histories_that_nobody_has_seen_before() -> None:
    first = FRESH_FROM + time.time_ns() // 1_000_000_000
    print(f"{COMMAND} --from {first} --seconds {FRESH_S:g}")
    try:
        print(simulation("--from", str(first), "--seconds", str(FRESH_S), "--json").splitlines()[-2])
    except CommandFailed as failed:
        pytest.fail(failed.output)


def test_a_seed_gives_one_history_in_every_process() -> None:
    assert simulation("--seed", "7", "--trace", hash_seed="1") == simulation("--seed", "7", "--trace", hash_seed="2")


def test_other_seeds_give_other_histories() -> None:
    assert drawn(7).events != drawn(11).events
    assert play(drawn(7)).digest != play(drawn(11)).digest


@pytest.mark.parametrize("file", FOUND, ids=lambda file: file.stem)
def test_what_was_found_once_stays_mended(file: Path) -> None:
    assert play(msgspec.json.decode(file.read_bytes(), type=Script)).wrong == ()


SIGNS = {
    "lying-executor": ("belongs to nothing",), "empty-copies": ("holds b''",), "forgetful-journal": ("has lost",),
    "old-specs": ("after", "is not settled"), "forgetful-database": ("are stored as they are", "is lost"),
    "used-identities": ("belongs to", "twice"),
    "no-second-try": ("is not online", "is not settled", "is left", "fails: "),
}
"""What invariants may say of it; without it, the same histories hold."""


@pytest.mark.parametrize("name", sorted(PLANTS))
def test_a_planted_fault_is_found(name: str) -> None:
    with pytest.raises(CommandFailed) as failed:
        simulation("--plant", name, "--count", "60", "--stop")
    assert any(sign in failed.value.output for sign in SIGNS[name]), failed.value.output


def test_a_failing_history_is_shrunk_saved_and_played_again(tmp_path: Path) -> None:
    saved, plant = tmp_path / "history.json", ("--plant", "lying-executor")
    with pytest.raises(CommandFailed) as several:
        simulation(*plant, "--count", "60", "--stop", "--json")
    seed = summary(several.value.output).failed[0]
    assert f"{COMMAND} --seed {seed} --plant lying-executor --trace" in several.value.output
    with pytest.raises(CommandFailed) as shrunk:
        simulation("--seed", str(seed), *plant, "--shrink", "--save", str(saved))
    assert len(msgspec.json.decode(saved.read_bytes(), type=Script).events) < len(drawn(seed).events) // 2
    assert "belongs to nothing" in shrunk.value.output
    with pytest.raises(CommandFailed) as again:
        simulation("--play", str(saved), *plant)
    assert again.value.output == shrunk.value.output
    assert "Everything held" in simulation("--play", str(saved))

"""The decisions of `./dev` that need no machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.bench.__main__ import row
from tools.bench.figures import Figure
from tools.bench.sample import Sample
from tools.conformance import results
from tools.dev.state_folder import Setup, StateFolder, StateFolderRefused
from tools.dev.up import node_name_of

SETUP = Setup("127.0.0.1:3370", "127.0.0.1:3366", "node1")


@pytest.mark.parametrize(("host", "node"), [
    ("alpha", "alpha"), ("alpha.example.org", "alpha.example.org"), ("my_laptop", "my-laptop"), ("-x-y-", "x-y"),
    ("", "node1"), ("a", "node1"), ("日本", "node1")])
def test_every_machine_gets_a_legal_node_name(host: str, node: str) -> None:
    assert node_name_of(host) == node


def test_a_state_folder_remembers_and_goes_without_a_trace(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    assert folder.setup() is None
    folder.keep(SETUP)
    folder.data.mkdir()
    (folder.data / "linstor.db").write_bytes(b"")
    assert StateFolder(tmp_path / "state").setup() == SETUP
    folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(StateFolderRefused, match="somebody else"):
        StateFolder(tmp_path).setup()


def test_a_damaged_marker_is_no_licence_to_wipe(tmp_path: Path) -> None:
    (tmp_path / "setup.json").write_text("{")
    with pytest.raises(StateFolderRefused, match="can't be read"):
        StateFolder(tmp_path).setup()


def test_results_are_read_from_what_the_player_prints() -> None:
    output = ("00-fresh                   43 of   43 steps   every list\n   GET /v1/x \"\"\n"
              "01-http                     7 of   41 steps   methods\n")
    assert results(output) == {"00-fresh": (43, 43), "01-http": (7, 41)}


def test_a_row_of_the_benchmark_tells_whether_the_goal_is_met() -> None:
    sample = Sample((1.0, 2.0, 30.0), 0.5, cpu_s=0.03, grown_kib=2048)
    slow = Figure("snapshot", "ms", sample.median_ms, 1, "852 ms", sample=sample)
    assert row(slow) == "| snapshot | **2.00 ms** | 30.00 ms | 6 | 10.00 ms | +2.0 MB | 852 ms | ≤ 1 ms | no |"
    quick = Figure("spawn by 8 threads", "a second", 120, 100, "7.3 a second", at_least=True)
    assert row(quick).endswith("| ≥ 100 a second | yes |")

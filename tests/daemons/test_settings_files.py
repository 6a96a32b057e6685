"""Settings from files: what they say, what wins, and how each mistake is told."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from linstor_core.controller.settings import ELSEWHERE, ControllerSettings
from linstor_core.daemons import option_files, options
from linstor_core.daemons.option_files import BadSettings
from linstor_core.satellite.settings import SatelliteOptions
from tools import processes
from tools.services import CHECKOUT

ROWS = options.rows_of(ControllerSettings)


def _read(path: Path, text: str) -> ControllerSettings:
    path.write_text(text)
    path.chmod(0o640)
    return options.settings(ControllerSettings, option_files.read((path,), ROWS, ELSEWHERE))


def test_values_are_taken_from_their_sections(tmp_path: Path) -> None:
    found = _read(tmp_path / "linstor.conf", """
[http]
listen_addr = "::"
port = 4370
[https]
enabled = no
[logging]
linstor_level = debug
levels = linstor_core.controller.repository=trace, websockets=error
[encrypt]
passphrase = a b$$c
""")
    assert (found.http.listen_addr, found.http.port, found.http.enabled) == ("::", 4370, True)
    assert found.https.enabled is False
    assert (found.logging.level, found.logging.linstor_level) == ("INFO", "DEBUG")
    assert found.logging.levels == (("linstor_core.controller.repository", "TRACE"), ("websockets", "ERROR"))
    assert found.encrypt.passphrase == "a b$c"
    assert "a b" not in repr(found)


MISTAKES = {
    "[http]\nprot = 1": ("'prot'", "[http]", "enabled, listen_addr, port"),
    "[htpp]\nport = 1": ("'port'", "[htpp]", "state, http, https"),
    "[htpp]\n": ("[htpp]",),
    "[http]\nport = 99999": ("'port'", "[http]", "'99999' is no TCP port"),
    "[http]\nport = 3366    # usual": ("'port'", "[http]", "no TCP port"),
    "[http]\nenabled = maybe": ("'enabled'", "[http]", "neither true nor false"),
    "[logging]\nlevel = loud": ("'level'", "[logging]", "'loud' is no log level"),
    "[logging]\nrest_access_log_mode = weekly": ("'rest_access_log_mode'", "no_log, append"),
    "[state]\npath = here": ("'path'", "[state]", "no absolute path"),
    "[db]\nconnection_url = jdbc:h2:/x": ("'connection_url'", "[db]", "SQLite"),
    "[https]\nkeystore = /x.jks": ("'keystore'", "[https]", "PEM"),
    "[ldap]\nenabled = true": ("'enabled'", "[ldap]", "not supported"),
    "port = 1": ("Line 1", "Section"),
    "[http]\n  port = 1": ("Line 2", "continuation"),
    "[http\nport = 1": ("Line 1", "section"),
    "[http]\nport": ("Line 2",),
    "[http]\nlisten_addr = $nothing": ("'listen_addr'", "[http]", "nothing"),
    "[encrypt]\npassphrase = a$b": ("'passphrase'", "[encrypt]", "$$"),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_names_file_section_and_option(tmp_path: Path, text: str) -> None:
    file = tmp_path / "linstor.conf"
    with pytest.raises(BadSettings) as refused:
        _read(file, text)
    said = f"{refused.value.message} {refused.value.cause} {refused.value.correction}"
    assert str(file) in said
    assert [part for part in MISTAKES[text] if part not in said] == [], said
    assert refused.value.correction


def test_a_mistake_in_a_secret_does_not_show_it(tmp_path: Path) -> None:
    for text in ("[encrypt]\npassphrase = hunter2$x", "[encrypt]\n passphrase = hunter2", "passphrase = hunter2"):
        with pytest.raises(BadSettings) as refused:
            _read(tmp_path / "linstor.conf", text)
        assert "hunter2" not in f"{refused.value.message} {refused.value.cause} {refused.value.correction}"


def test_a_secret_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "linstor.conf"
    file.write_text("[encrypt]\npassphrase = hunter2\n")
    file.chmod(0o644)
    with pytest.raises(BadSettings, match="everybody may read the option 'passphrase'"):
        option_files.read((file,), ROWS, ELSEWHERE)


def test_later_files_win_and_folders_come_last(tmp_path: Path) -> None:
    folder = tmp_path / "conf.d"
    folder.mkdir()
    for path, port in ((tmp_path / "one", 1), (tmp_path / "two", 2), (folder / "10.conf", 3), (folder / "20.conf", 4),
                       (folder / "30.txt", 5)):
        path.write_text(f"[http]\nport = {port}\n")
    default = tmp_path / "one"

    def port_of(files: list[Path], folders: list[Path]) -> int:
        chosen = option_files.files_of(files, folders, default)
        return options.settings(ControllerSettings, option_files.read(chosen, ROWS, {})).http.port

    assert port_of([], []) == 1
    assert port_of([tmp_path / "two"], []) == 2
    assert port_of([tmp_path / "two", tmp_path / "one"], []) == 1
    assert port_of([tmp_path / "two"], [folder]) == 4
    assert option_files.files_of([], [folder], default) == (default, folder / "10.conf", folder / "20.conf")
    assert option_files.files_of([], [], tmp_path / "missing") == ()
    with pytest.raises(BadSettings, match="missing"):
        port_of([tmp_path / "missing"], [])
    with pytest.raises(BadSettings, match="configuration folder"):
        port_of([], [tmp_path / "missing"])


@pytest.mark.parametrize("kind", [ControllerSettings, SatelliteOptions])
def test_the_sample_says_what_holds_without_a_file(tmp_path: Path, kind: type[ControllerSettings]) -> None:
    rows = options.rows_of(kind)
    text = options.sample(rows, "it")
    file = tmp_path / "sample.conf"
    file.write_text(text)
    file.chmod(0o640)
    assert option_files.read((file,), rows, {}) == {}
    # Every option that has a default stands there with it.
    for row in rows:
        default = options.shown(row.default)
        if default:
            file.write_text(re.sub(rf"(?m)^#{row.name} = ", f"{row.name} = ", text))
            assert option_files.read((file,), rows, {})[row.key] == row.default, row.key


@pytest.mark.parametrize("kind", [ControllerSettings, SatelliteOptions])
def test_help_and_sample_explain_every_option(kind: type[ControllerSettings]) -> None:
    rows = options.rows_of(kind)
    for text in (options.overview(rows, "file"), options.sample(rows, "it")):
        for row in rows:
            assert f"[{row.section}]" in text and row.name in text and row.option.meaning in text
    numbers = [row for row in rows if isinstance(row.default, int) and not isinstance(row.default, bool)]
    assert numbers and all(row.option.unit for row in numbers)


@pytest.mark.parametrize("program", ["controller", "satellite"])
def test_the_documentation_names_every_option(program: str) -> None:
    text = (CHECKOUT / "docs/configuration.md").read_text()
    kind = ControllerSettings if program == "controller" else SatelliteOptions
    said = [(row, f"| `{row.name}` | {row.option.meaning} | ") for row in options.rows_of(kind)]
    assert [row.key for row, line in said if line not in text] == []


@pytest.mark.parametrize("program", ["controller", "satellite"])
def test_nothing_is_imported_for_files_that_are_not_there(program: str) -> None:
    question = (f"import sys, linstor_core.{program}.__main__ as it; from linstor_core.daemons import option_files; "
                "option_files.read((), (), {}); sys.exit('oslo_config' in sys.modules)")
    processes.run([sys.executable, "-P", "-c", question], cwd=CHECKOUT, environment={"PYTHONPATH": str(CHECKOUT)})


@pytest.mark.parametrize("program", ["controller", "satellite"])
def test_a_bad_file_ends_the_program_before_anything_starts(tmp_path: Path, program: str) -> None:
    file = tmp_path / "bad.conf"
    file.write_text("[logging]\nlevel = loud\n")
    with pytest.raises(processes.CommandFailed) as failed:
        processes.run([sys.executable, "-P", "-m", f"linstor_core.{program}", "--config-file", str(file), "--state",
                       str(tmp_path / "state")], cwd=CHECKOUT, environment={"PYTHONPATH": str(CHECKOUT)})
    assert failed.value.status == 78
    assert len(failed.value.output.splitlines()) == 1
    assert f"{file}: the option 'level' in the section [logging]" in failed.value.output
    assert not (tmp_path / "state").exists()

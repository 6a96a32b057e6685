"""The program as a whole: exit status, JSON, help, sessions, progress, completion, and what a start costs."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest

from linstor_core.cli.__main__ import GLOBAL_OPTIONS, OWN_WORDS, run
from linstor_core.cli.completion import bash_script, zsh_script
from linstor_core.cli.connection import ProgressTransport
from linstor_core.cli.screen import Screen, Style
from linstor_core.cli.tree import NOUNS
from linstor_core.client.transport import Reply
from linstor_core.wire.api_call_rc import ApiCallRc
from tests.client.scripted_controller import CREATED, refusal

PROGRAM = [sys.executable, "-m", "linstor_core.cli", "--disable-config"]


def call(*words, **options):
    return subprocess.run([*PROGRAM, *words], capture_output=True, text=True, timeout=30, check=False, **options)


def test_exit_status_of_refusals(controller, linstor):
    controller.answer("GET /v1/resource-definitions/x", refusal(301), status=404)
    assert linstor("rd lp x")[0] == 3
    controller.answer("PUT /v1/resource-definitions/x", refusal(301), status=404)
    assert linstor("rd sp x a b")[0] == 10
    controller.answer("POST /v1/nodes", refusal(995), status=500)
    assert linstor("n c a 10.0.0.1")[0] == 11
    controller.answer("GET /v1/nodes", b"<html>")
    assert linstor("n l")[0] == 22


def test_exit_status_of_connections(controller, linstor):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{probe.getsockname()[1]}"
    assert linstor(f"--controllers {closed} n l")[0] == 20
    controller.delay_s = 0.5
    assert linstor("-t 0.1 n l")[0] == 21
    assert linstor("--controllers ftp://a n l")[0] == 2
    assert linstor("--output-version v0 n l")[0] == 4


def test_a_warning_may_count_as_an_error(controller, linstor):
    controller.answer("DELETE /v1/nodes/a", [{"ret_code": -(1 << 63) | 3000, "message": "there is none"}])
    assert linstor("n d a") == (0, "WARNING:\n    there is none\n")
    assert linstor("--warn-as-error n d a")[0] == 10


def test_a_refusal_in_full(controller, linstor):
    controller.answer("POST /v1/nodes", refusal(
        500, "The node exists.", cause="Its name is taken.\nBy n1.", correction="Take another.", details="Node: n1",
        error_report_ids=["A-B-0"]), status=500)
    status, text = linstor("n c n1 10.0.0.1")
    assert status == 10
    assert text == ("ERROR:\nDescription:\n    The node exists.\nCause:\n    Its name is taken.\n    By n1.\n"
                    "Correction:\n    Take another.\nDetails:\n    Node: n1\n"
                    "Show reports:\n    linstor error-reports show A-B-0\n")
    status, text = linstor("-m n c n1 10.0.0.1")
    assert status == 10
    assert json.loads(text)[0]["cause"] == "Its name is taken.\nBy n1."


def test_what_was_done_before_a_refusal_is_shown(controller, linstor):
    controller.answer("DELETE /v1/resource-definitions/a", [CREATED])
    controller.answer("DELETE /v1/resource-definitions/b", refusal(997, "b is in use"), status=500)
    assert linstor("rd d a b c") == (10, "SUCCESS:\n    created\nERROR:\n    b is in use\n")
    status, text = linstor("-m rd d a b c")
    assert (status, [entry["message"] for entry in json.loads(text)]) == (10, ["created", "b is in use"])
    assert "DELETE /v1/resource-definitions/c" not in controller.asked


def test_json_of_an_answer(controller, linstor):
    controller.answer("POST /v1/nodes", [CREATED], status=201)
    status, text = linstor("-m n c n1 10.0.0.1")
    assert (status, json.loads(text)) == (0, [CREATED])


def test_curl_shows_the_call_and_makes_none(controller, linstor):
    status, text = linstor("--curl n sp n1 Aux/a it's")
    assert status == 0
    assert text == ("curl -X PUT -H 'Content-Type: application/json' "
                    "-d '{\"override_props\":{\"Aux/a\":\"it'\"'\"'s\"}}' " + controller.url + "/v1/nodes/n1\n")
    assert controller.asked == []


def test_help(linstor):
    assert "--machine-readable" in linstor("help")[1]
    assert "filethin" in linstor("help sp c")[1]
    assert "driver_pool_name" in linstor("help sp c filethin")[1]
    assert linstor("help nonsense")[0] == 2
    assert "resource-group spawn-resources (spawn)" in linstor("list-commands")[1]
    assert call("node", "list", "--help").stdout.startswith("usage: linstor node list")
    assert call("--version").stdout.startswith("linstor ")


def test_controllers_from_the_environment_and_files(controller, tmp_path):
    controller.answer("GET /v1/key-value-store", [])
    environment = {**os.environ, "HOME": str(tmp_path)}
    assert call("kv", "l", env={**environment, "LS_CONTROLLERS": controller.url}).returncode == 0
    (tmp_path / ".config/linstor").mkdir(parents=True)
    (tmp_path / ".config/linstor/linstor-client.conf").write_text(f"[global]\ncontrollers={controller.url}\n")
    done = subprocess.run([*PROGRAM[:-1], "kv", "l"], env=environment, capture_output=True, check=False)
    assert done.returncode == 0
    assert len(controller.requests) == 2


def test_a_session(controller):
    controller.answer("GET /v1/key-value-store", [{"name": "csi"}])
    done = call("--controllers", controller.url, "interactive", input="kv l\nnonsense\n'\nkv l\nexit\nkv l\n")
    assert done.returncode == 0
    assert done.stdout.count("csi") == 2
    assert "nonsense" in done.stderr


def test_whoever_reads_may_stop_reading(controller):
    controller.answer("GET /v1/key-value-store", [{"name": f"store{number}"} for number in range(5000)])
    command = " ".join([*PROGRAM, "--controllers", controller.url, "kv", "l"])
    done = subprocess.run(["bash", "-c", f"{command} | head -1; exit ${{PIPESTATUS[0]}}"], capture_output=True,
                          check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_colours_on_a_terminal():
    out = io.StringIO()
    Screen(Style(color=True), out).entries([ApiCallRc(1, "done")])
    assert out.getvalue() == "\x1b[1;32mSUCCESS:\x1b[0m\n    done\n"


def test_a_long_call_says_so_and_clears_its_line():
    class Slow:
        def request(self, method, path, body=None):
            time.sleep(0.15)
            return Reply(200, b"", {})

    threads, terminal = threading.active_count(), io.StringIO()
    ProgressTransport(Slow(), terminal, quiet_s=0.05).request("POST", "/v1/nodes?x=1")
    assert terminal.getvalue() == "\r\x1b[K… POST /v1/nodes 0 s\r\x1b[K"
    quiet = io.StringIO()
    ProgressTransport(Slow(), quiet).request("POST", "/v1/nodes")
    assert quiet.getvalue() == ""
    assert threading.active_count() == threads


def test_progress_only_on_a_terminal(controller):
    controller.answer("GET /v1/key-value-store", [])
    controller.delay_s = 1.3
    assert call("--controllers", controller.url, "kv", "l").stderr == ""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        subprocess.run([*PROGRAM, "--controllers", controller.url, "kv", "l"], stdout=subprocess.DEVNULL,
                       stderr=terminal, check=True)
        shown = os.read(ours, 1000).decode()
    os.close(ours)
    assert "GET /v1/key-value-store" in shown


COMPLETIONS = [
    ("linstor sto", ["storage-pool"]), ("linstor n ", ["create", "lost", "interface", "set-property"]),
    ("linstor --controllers x node li", ["list", "list-properties"]), ("linstor sp c filet", ["filethin"]),
    ("linstor resource-group cre", ["create"]), ("linstor rg create --pla", ["--place-count"]),
    ("linstor -m snap", ["snapshot"]), ("linstor s vd ", ["restore"]),
    ("linstor node modify --node-type com", ["combined"]),
    ("linstor --cont", ["--controllers"]),
]


@pytest.mark.parametrize(("line", "offered"), COMPLETIONS, ids=[line for line, _ in COMPLETIONS])
def test_bash_completes(line, offered, tmp_path):
    script = tmp_path / "linstor.bash"
    script.write_text(bash_script(NOUNS, GLOBAL_OPTIONS, OWN_WORDS))
    words = line.split(" ")
    program = (f"source {script}; COMP_WORDS=({' '.join(word or chr(39) * 2 for word in words)}); "
               f"COMP_CWORD={len(words) - 1}; _linstor; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    done = subprocess.run(["bash", "--norc", "-c", program], capture_output=True, text=True, check=True)
    got = done.stdout.split()
    assert done.stderr == ""
    assert set(offered) <= set(got)
    assert all(word.startswith(words[-1]) for word in got)


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
@pytest.mark.parametrize(("line", "offered"), COMPLETIONS, ids=[line for line, _ in COMPLETIONS])
def test_zsh_completes(line, offered, tmp_path):
    script = tmp_path / "_linstor"
    script.write_text(zsh_script(NOUNS, GLOBAL_OPTIONS, OWN_WORDS))
    words = line.split(" ")
    program = (f"source {script}; compadd() {{ print -l -- $candidates }}; "
               f"words=({' '.join(word or chr(39) * 2 for word in words)}); CURRENT={len(words)}; _linstor")
    done = subprocess.run(["zsh", "-f", "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert set(offered) <= set(done.stdout.split())


def test_the_completers_are_printed():
    out = io.StringIO()
    assert run(["gen-bash-completer"], out) == 0
    assert run(["gen-zsh-completer"], out) == 0
    assert "complete -o default -F _linstor linstor" in out.getvalue()
    assert "#compdef linstor" in out.getvalue()


def test_a_start_loads_nothing_that_is_not_needed():
    listing = ("import sys, linstor_core.cli.__main__ as main; main.run(['help'], open('/dev/null', 'w')); "
               "print(' '.join(sys.modules))")
    loaded = set(subprocess.check_output([sys.executable, "-c", listing], text=True).split())
    heavy = {"requests", "rich", "oslo_config", "flask", "sqlalchemy", "uvicorn", "immutables", "websockets",
             "asyncio", "concurrent.futures"}
    assert not {name for name in loaded if re.split(r"\.", name)[0] in heavy or name in heavy}

"""schemathesis on the description of the REST API, against a real controller that can reach nothing but itself."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tools import services
from tools.processes import CommandFailed, run

FOR_S = 55
LASTS_AT_MOST_S = 85
REQUESTS_AT_LEAST = 200


def test_no_answer_is_a_fault_or_other_than_described(root_required: None, tmp_path: Path) -> None:
    pytest.importorskip("schemathesis")
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("needs a network namespace: the commands unshare and ip (util-linux, iproute2)")
    # The namespace ends with its last process; the controller is started and stopped in there.
    script = Path(__file__).with_name("rest_campaign.py")
    argv = ["unshare", "--net", "env", f"PYTHONPATH={services.CHECKOUT}", sys.executable, "-P", str(script),
            str(tmp_path), str(FOR_S)]
    try:
        lines = run(argv, timeout_s=LASTS_AT_MOST_S).splitlines()
    except CommandFailed as failed:
        pytest.fail(str(failed))
    summary = json.loads(lines[-1])
    print(summary)
    assert summary["requests"] >= REQUESTS_AT_LEAST
    assert summary["faults"] == 0

"""The installed command against a controller that runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from linstor_core.client.client import LinstorClient


class Shell:
    def __init__(self, url: str) -> None:
        self.environment = {**os.environ, "LS_CONTROLLERS": url, "PYTHONIOENCODING": "utf-8"}

    def __call__(self, line: str, expect: int = 0) -> str:
        done = subprocess.run([sys.executable, "-m", "linstor_core.cli", "--disable-config", *line.split()],
                              capture_output=True, text=True, env=self.environment, timeout=120, check=False)
        assert done.returncode == expect, (line, done.stdout, done.stderr)
        return done.stdout

    def json(self, line: str) -> Any:
        answer = json.loads(self("-m " + line))
        assert len(answer) == 1
        return answer[0]

    def with_a_group(self, cluster: Any) -> Shell:
        """A node with a thin pool and a group `fast` with one volume."""
        address, _, port = cluster.satellite.rpartition(":")
        self(f"node create {cluster.node_name} {address} -p {port}")
        LinstorClient(cluster.url).node(cluster.node_name)
        self(f"sp c filethin {cluster.node_name} thin {cluster.pool_dir}")
        self("rg c fast --place-count 1 -s thin -l storage")
        self("vg c fast")
        return self

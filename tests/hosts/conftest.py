"""Three hosts and a controller for a module of tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from three_hosts import ThreeHosts, three_hosts


@pytest.fixture(scope="module")
def site(root_required: None) -> Iterator[ThreeHosts]:
    for command, package in (("ip", "iproute2"), ("mkfs.xfs", "xfsprogs"), ("setpriv", "util-linux")):
        if shutil.which(command) is None:
            pytest.skip(f"needs the command {command} (Debian package {package})")
    with three_hosts() as made:
        yield made

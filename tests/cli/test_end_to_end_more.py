"""The words around nodes and resources against a running controller, and plans of a satellite with real devices."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from tests.cli.shell import Shell


@pytest.fixture
def linstor(cluster) -> Shell:
    """A node with a thin pool and a group `fast` with one volume."""
    return Shell(cluster.url).with_a_group(cluster)


def test_a_plan_is_what_then_happens(linstor, cluster):
    text = linstor("--dry-run rg spawn fast web 16M")
    assert "+ create resource definition WEB" in text
    assert "web: 0 -> 1 replicas" in text
    assert f"Steps on {cluster.node_name} for web:" in text
    assert linstor.json("rd l") == []
    assert list(cluster.pool_dir.glob("web*")) == []
    linstor("rg spawn fast web 16M")
    plan = linstor.json("--dry-run rd d web")
    assert {planned["action"] for planned in plan["objects"]} & {"delete", "modify"}
    assert Path(linstor.json("v l")[0]["volumes"][0]["device_path"]).is_block_device()
    linstor("--dry-run rg spawn fast web 16M", expect=10)
    linstor("rd d web")


def test_places_are_explained_and_advice_is_given(linstor, cluster):
    text = linstor("rg explain fast --size 16M")
    assert "chosen" in text
    assert "there is room for all of them" in text
    assert "there is no room" in linstor("rg explain fast --place-count 2")
    linstor("rg spawn fast web 16M")
    linstor("rd explain web")
    linstor("rg m fast --place-count 2")
    assert "It has 1 of 2 replicas." in linstor("adv r")
    assert "its only replica" in linstor(f"adv m {cluster.node_name}")
    assert "thin" in linstor("c qmvs 1")
    interfaces = linstor.json(f"n i l {cluster.node_name}")[0]["net_interfaces"]
    assert interfaces[0]["name"] == "default"
    linstor("rd d web")


def test_words_without_a_satellite(controller_process, tmp_path):
    linstor = Shell(controller_process.url)
    linstor("rd c web")
    linstor("rd opt web --ping-int 20 --quorum majority")
    assert "DrbdOptions/Net/ping-int" in linstor("rd lp web")
    linstor("rd opt web --unset-ping-int")
    assert "ping-int" not in linstor("rd lp web")
    linstor("c opt --protocol C")
    for name in ("n1", "n2"):
        linstor(f"n c {name} 127.0.0.9")
    linstor("nc p c n1 n2 fast default default")
    assert "Paths/fast/n1" in linstor("nc p l n1 n2")
    assert "n1" in linstor("nc l")
    linstor("nc p d n1 n2 fast")
    linstor("remote c linstor other 192.0.2.1")
    assert "http://192.0.2.1:3370" in linstor("remote l")
    linstor("b l other", expect=10)
    linstor("b l nowhere", expect=3)
    linstor("remote d other")
    assert linstor("c which").strip() == controller_process.url
    linstor("c set-log-level debug")
    assert linstor("spr qry")
    linstor("sos dl " + str(tmp_path))
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as report:
        assert report.getnames()
    linstor("c tok c ci")
    assert "ci" in linstor("c tok l")
    assert json.loads(linstor("-m c tok l"))[0]["count"] == 1


def test_words_that_wait_for_more(controller_process):
    """What is refused is refused in LINSTOR's form, never with a trace."""
    linstor = Shell(controller_process.url)
    linstor("n c n1 127.0.0.9")
    for line, status in (("n set-log-level n1 debug", 11), ("ps cdp lvm n1 /dev/null --pool-name x", 11),
                         ("b c nowhere web", 10), ("rc p c n1 n2 web x data data", 10)):
        entries = json.loads(linstor("-m " + line, expect=status))
        assert entries[0]["message"]
    linstor("n c n2 127.0.0.8")
    assert "no name of a network interface" in linstor("nc p c n1 n2 fast a/b default", expect=10)

"""A line of 200 ms and 50 kbit/s, and one that breaks in the middle of messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from three_hosts import HUB_ADDRESS, NODES, SIZE_KIB, ThreeHosts

from linstor_core.testing.slow_link import SlowLink
from tools.processes import CommandFailed

DELAY_MS = 200
RATE_KBIT = 50
BREAKS = (1, 40, 150, 400, 700, 1100)
"""Bytes to the satellite after which the line breaks: in the head of a frame, in a spec, in a later one."""


@contextmanager
def _dialled_by(site: ThreeHosts, link: SlowLink) -> Iterator[None]:
    """The controller reaches gamma by this relay."""
    _dial(site, HUB_ADDRESS, link.port)
    try:
        yield
    finally:
        _dial(site, NODES["gamma"], 3366)


def _dial(site: ThreeHosts, address: str, port: int) -> None:
    """A connection that is there would be kept until the new address has been reached."""
    site.call("PUT", "/v1/nodes/gamma/net-interfaces/default", {"address": address, "satellite_port": port})
    site.call("PUT", "/v1/nodes/gamma/reconnect")
    site.wait_online("gamma")


@contextmanager
def _slow(site: ThreeHosts) -> Iterator[None]:
    """By the kernel, or by a relay where it can't."""
    try:
        with site.lan.slow(site.hosts["gamma"], DELAY_MS, RATE_KBIT):
            print("slow by the kernel (sch_netem)")
            yield
    except CommandFailed as failure:
        assert "qdisc" in str(failure)
        print("slow by a relay: this kernel has no sch_netem")
        with SlowLink(f"{NODES['gamma']}:3366", HUB_ADDRESS, delay_s=DELAY_MS / 1000,
                      bytes_per_s=RATE_KBIT * 125) as link, _dialled_by(site, link):
            yield


def test_everything_works_on_a_slow_line(site: ThreeHosts) -> None:
    with _slow(site):
        for name in ("one", "two"):
            site.create(name, "alpha", "gamma")
            site.write(name, "gamma", f"{name} on gamma")
        site.call("POST", "/v1/resource-definitions/one/snapshots", {"name": "snap"})
        site.write("one", "gamma", "later")
        site.call("PUT", "/v1/resource-definitions/one/volume-definitions/0", {"size_kib": 2 * SIZE_KIB})
        site.call("POST", "/v1/resource-definitions/two/rename", {"new_name": "second"})
        site.call("POST", "/v1/resource-definitions/one/snapshot-rollback/snap", {})
        site.kill_satellite("gamma")
        site.start_satellite("gamma")
        site.wait_online("gamma")
        site.settle()
        assert site.holds("one", "gamma") == "one on gamma"
        assert site.holds("second", "gamma") == "two on gamma"
        for name in ("one", "second"):
            site.delete(name)
        site.settle()


def test_a_line_that_breaks_in_the_middle_of_a_message_costs_a_new_connection(site: ThreeHosts) -> None:
    with SlowLink(f"{NODES['gamma']}:3366", HUB_ADDRESS) as link, _dialled_by(site, link):
        for count in BREAKS:
            link.break_after(count)
            while link.is_to_break:
                site.wait_online("gamma")
                site.create(f"broken{count}", "alpha", "gamma")
                site.delete(f"broken{count}")
            site.create(f"kept{count}", "gamma")
            site.settle()
            site.write(f"kept{count}", "gamma", f"kept {count}")
        assert [site.holds(f"kept{count}", "gamma") for count in BREAKS] == [f"kept {count}" for count in BREAKS]
        for name in site.names():
            site.delete(name)
        site.settle()

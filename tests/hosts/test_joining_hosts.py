"""A host on another machine joins by its one line: certificate, address and volumes."""

from __future__ import annotations

from three_hosts import NODES, REST, ThreeHosts, until

from tools import processes


def test_a_host_joins_over_the_network(site: ThreeHosts) -> None:
    host, state = site.hosts["gamma"], site.hosts["gamma"].directory / "satellite"
    site.kill_satellite("gamma")
    answer = site.call("POST", "/v1/nodes/invitations", {"node_name": "gamma"})
    joining = host.start("linstor_core.satellite", "join", f"{answer[0]['obj_refs']['token']}@{REST}", "--state",
                         str(state))
    until(lambda: not processes.is_alive(joining), "gamma has joined")
    interface = site.get("/v1/nodes/gamma")["net_interfaces"][0]
    # The host has found out by itself by which of its addresses it is reached.
    assert (interface["address"], interface["satellite_port"], interface["satellite_encryption_type"]) == (
        NODES["gamma"], 3367, "SSL")
    site.start_satellite("gamma")
    site.wait_online("gamma")
    site.create("joined", "gamma")
    site.call("DELETE", "/v1/resource-definitions/joined")

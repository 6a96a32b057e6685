"""Certificates are renewed over the link, long before they end, and whatever is interrupted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec import structs

from linstor_core.controller.change import Change
from linstor_core.domain.certificates import Authority, Invitation, NodeCertificate
from linstor_core.satellite import credentials
from linstor_core.satellite.clock import SystemClock
from linstor_core.satellite.credentials import Credentials, TlsFiles
from linstor_core.satellite.reconciler import World
from linstor_core.satellite.satellite import Satellite, SatelliteSettings
from linstor_core.testing.simulated_node import SimulatedNode
from linstor_core.wire.joining import JoinToken
from tests.controller.certificates_for_tests import TestAuthority
from tests.controller.tls_cluster import Cluster, controller_at, satellite_at, until

DAY_MS = 86_400_000


def held(cluster: Cluster) -> NodeCertificate:
    return cluster.daemon.controller.cluster.node_certificates["ALPHA"]


async def aged(cluster: Cluster, days: int) -> None:
    """The stored certificate looks as if it had been made so long ago."""
    before = held(cluster)
    older = structs.replace(before, not_before_ms=before.not_before_ms - days * DAY_MS,
                            not_after_ms=before.not_after_ms - days * DAY_MS)
    await cluster.daemon.controller.apply(lambda _, __: Change(puts=(older,)))


async def reconnected(cluster: Cluster) -> None:
    await cluster.call("reconnect_node", "alpha")
    await cluster.is_in_state("alpha", "ONLINE")


def test_two_thirds_of_its_life_are_enough_for_a_certificate(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c") as cluster:
            await cluster.join(await cluster.invite(), "alpha", tmp_path / "s")
            file = tmp_path / "s/tls/satellite.pem"
            first, text = held(cluster), file.read_text()
            async with satellite_at(tmp_path / "s") as satellite:
                await cluster.is_in_state("alpha", "ONLINE")
                await aged(cluster, 59)
                await reconnected(cluster)
                assert held(cluster).serial == first.serial and file.read_text() == text
                await aged(cluster, 2)
                await cluster.place("before", "alpha")
                await reconnected(cluster)
                await until(lambda: file.read_text() != text)
                second, link = held(cluster), satellite._link
                assert (second.previous_serial, second.node_uuid) == (first.serial, first.node_uuid)
                assert file.read_text() == text.partition("-----BEGIN CERT")[0] + second.certificate
                # The link stays up, the service goes on, and the next link shows the new one.
                await cluster.place("after", "alpha")
                assert satellite._link is link
                await reconnected(cluster)
                assert satellite._link is not link
                await cluster.place("later", "alpha")
                assert held(cluster) == second
    asyncio.run(scenario())


def test_a_certificate_that_did_not_arrive_is_sent_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c") as cluster:
            await cluster.join(await cluster.invite(), "alpha", tmp_path / "s")
            file, folder = tmp_path / "s/tls/satellite.pem", tmp_path / "s/tls"
            old = file.read_text()
            async with satellite_at(tmp_path / "s"):
                await cluster.is_in_state("alpha", "ONLINE")
                (folder / ".satellite.pem.new").mkdir()  # nothing can be written where a folder stands
                await aged(cluster, 61)
                await reconnected(cluster)
                await until(lambda: "does not take its new certificate" in caplog.text)
                assert file.read_text() == old
                second = held(cluster)
            # The satellite is restarted: what it has is still accepted, and now it gets the other one.
            (folder / ".satellite.pem.new").rmdir()
            async with satellite_at(tmp_path / "s"):
                await cluster.is_in_state("alpha", "ONLINE")
                await until(lambda: second.certificate in file.read_text())
                assert held(cluster) == second
    asyncio.run(scenario())


def test_the_controller_renews_its_own_for_the_next_link(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with controller_at(tmp_path / "c", certificate_days=1) as cluster:
            await cluster.join(await cluster.invite(), "alpha", tmp_path / "s")
            async with satellite_at(tmp_path / "s"):
                await cluster.is_in_state("alpha", "ONLINE")
                office = cluster.daemon._office
                first = office.own_certificate
                assert first is not None
                office._held = structs.replace(first, not_before_ms=first.not_before_ms - DAY_MS,
                                               not_after_ms=first.not_after_ms - DAY_MS)
                await reconnected(cluster)
                assert office.own_certificate is not None and office.own_certificate.serial != first.serial
    asyncio.run(scenario())


def test_a_crash_at_any_point_leaves_a_pair_that_fits(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path / "made")
    files = authority.satellite("x")
    old = files.certificate.read_text()
    key, end, _ = old.partition("-----END PRIVATE KEY-----\n")
    drafts = [old[:200], key + end, old]  # what a crash leaves of the draft: a part, the key alone, all of it
    for text in drafts:
        (files.certificate.parent / ".satellite.pem.new").write_text(text)
        Credentials(files)
        Credentials(files).write(old.partition(end)[2], authority.file.read_text())
        assert files.certificate.read_text() == old


def test_what_does_not_fit_is_not_taken(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path / "made")
    files = authority.satellite("x")
    before = files.certificate.read_text()
    other = authority.pair("other", "linstor:node:x").read_text()
    right = before.partition("-----END PRIVATE KEY-----\n")[2]
    believed = authority.file.read_text()
    for wrong, authorities in ((other.partition("-----END PRIVATE KEY-----\n")[2], believed), ("nonsense", believed),
                               ("", believed), (right, "nonsense"), (right, "")):
        with pytest.raises(OSError, match="does not fit"):
            Credentials(files).write(wrong, authorities)
    with pytest.raises(OSError, match="not the cluster's"):
        Credentials(TlsFiles(files.certificate, files.authorities, files.certificate)).write(before, "")
    assert (files.certificate.read_text(), authority.file.read_text()) == (before, believed)
    assert sorted(file.name for file in (tmp_path / "made").iterdir()) == ["authority.pem", "other.pem",
                                                                           "satellite.pem"]


def test_a_damaged_note_about_joining_is_no_identity(tmp_path: Path) -> None:
    folder = tmp_path / credentials.FOLDER
    folder.mkdir()
    (folder / "joined.json").write_text("{")
    assert credentials.joined_as(tmp_path) is None and credentials.joined_files(tmp_path) is None


def test_a_host_that_has_lost_its_certificate_does_not_go_back_to_plain(tmp_path: Path) -> None:
    """Else whoever reaches its port could be its controller."""
    authority = TestAuthority(tmp_path / "made")
    own = authority.satellite("x")
    key, end, certificate = own.certificate.read_text().partition("-----END PRIVATE KEY-----\n")
    joined = credentials.Joined("alpha", "x", "c", 0)
    credentials.store(tmp_path, joined, key + end, certificate, authority.file.read_text()).certificate.unlink()

    async def started(encryption: str) -> bool:
        node = SimulatedNode(("/simulated",))
        satellite = Satellite(SatelliteSettings("alpha", tmp_path, "127.0.0.1", port=0, encryption=encryption),
                              World(node, node, SystemClock(), lambda: 0.5))
        try:
            await satellite.start()
        except OSError as error:
            assert "certificate is gone" in str(error)
            return False
        await satellite.stop()
        return True

    assert not asyncio.run(started("auto"))
    assert asyncio.run(started("plain"))


def test_secrets_stay_out_of_repr() -> None:
    held = (Authority("1", "c", 0, 1, private_key="hunter2"), Invitation("i", "hunter2", 0, 1),
            JoinToken("5d3e6c7a-0000-4000-8000-000000000002", b"hunter2", "00"))
    assert "hunter2" not in repr(held)

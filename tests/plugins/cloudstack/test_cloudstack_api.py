"""The signed calls, over HTTP: pages, jobs, errors, connections that break."""

from __future__ import annotations

import socket

import pytest
from linstor_cloudstack import cloudstack_api
from linstor_cloudstack.cloudstack_api import CloudStackApi
from linstor_cloudstack.errors import CallRefused, JobFailed, JobUnfinished, OddAnswer, Unreachable
from linstor_cloudstack.records import CloudVolume, Storage, Zone
from linstor_cloudstack.settings import Settings

from tests.plugins.cloudstack.cloudstack_server import KEY, SECRET, CloudStackModel, CloudStackServer, Fault, signature


def test_the_signature_is_cloudstacks() -> None:
    # The same by openssl dgst -sha1 -hmac, over apikey=the-key&command=listzones&name=a%20b*&response=json.
    assert signature({"name": "A b*", "command": "listZones", "apiKey": KEY, "response": "json",
                      "signature": "left out"}) == "PdT9v9GFZfg+7cz39rBpRSYeJfE="


def test_a_signed_call_is_answered(api: CloudStackApi, cloud: CloudStackModel) -> None:
    assert [zone.name for zone in api.listed("listZones", Zone, name="ü *~+/&=%", keyword="a b")] == ["Zürich & Süd"]
    assert cloud.calls[0][1]["name"] == "ü *~+/&=%"


@pytest.mark.parametrize("key, secret", [(KEY, "wrong"), ("wrong", SECRET)])
def test_wrong_keys_are_refused_and_not_shown(server: CloudStackServer, key: str, secret: str) -> None:
    settings = Settings(server.endpoint, key, secret)
    with pytest.raises(CallRefused) as refused:
        CloudStackApi(settings).listed("listZones", Zone)
    assert refused.value.code == 401
    assert "signature" in str(refused.value)
    assert "wrong" not in str(refused.value) + repr(settings)


@pytest.mark.parametrize("count", [0, 1, 500, 501, 1203])
def test_all_pages_are_read(api: CloudStackApi, cloud: CloudStackModel, count: int) -> None:
    cloud.volumes += [{"id": f"v{number}", "name": f"v{number}"} for number in range(count)]
    assert len(api.listed("listVolumes", CloudVolume, listall=True)) == count
    assert len(cloud.calls) == max(1, -(-count // cloudstack_api.PAGE_SIZE))


def test_a_list_that_changes_between_pages_is_read_again(api: CloudStackApi, cloud: CloudStackModel) -> None:
    cloud.volumes += [{"id": f"v{number}", "name": f"v{number}"} for number in range(501)]

    def one_goes() -> None:
        cloud.between_pages = None
        del cloud.volumes[0]

    cloud.between_pages = one_goes
    found = api.listed("listVolumes", CloudVolume)
    assert {volume.id for volume in found} == {f"v{number}" for number in range(1, 501)}


def test_a_list_that_never_rests_is_no_list(api: CloudStackApi, cloud: CloudStackModel) -> None:
    cloud.volumes += [{"id": f"v{number}", "name": "v"} for number in range(600)]
    cloud.between_pages = lambda: cloud.volumes.remove(cloud.volumes[0])
    with pytest.raises(Unreachable, match="changed"):
        api.listed("listVolumes", CloudVolume)


def test_a_job_is_waited_for_with_progress(api: CloudStackApi, cloud: CloudStackModel) -> None:
    cloud.storages.append({"id": "s1", "name": "one", "state": "Up"})
    seen: list[float] = []
    assert api.job("enableStorageMaintenance", seen.append, id="s1") == {"storagepool": cloud.storages[0]}
    assert cloud.storages[0]["state"] == "Maintenance"
    assert len(seen) == 2
    assert seen == sorted(seen)


def test_a_job_that_fails_says_why(api: CloudStackApi, cloud: CloudStackModel) -> None:
    cloud.storages.append({"id": "s1", "name": "one", "state": "Up"})
    cloud.job_fault["enableStorageMaintenance"] = Fault(530, "No host is left")
    with pytest.raises(JobFailed, match="No host is left"):
        api.job("enableStorageMaintenance", id="s1")


def test_a_job_outlives_a_management_server(api: CloudStackApi, cloud: CloudStackModel) -> None:
    cloud.storages.append({"id": "s1", "name": "one", "state": "Up"})
    cloud.drop["queryAsyncJobResult"] = 2 * cloudstack_api.READ_TRIES
    api.job("enableStorageMaintenance", id="s1")
    assert cloud.storages[0]["state"] == "Maintenance"
    assert len(cloud.made("enableStorageMaintenance")) == 1


def test_a_job_that_does_not_end_is_left_with_its_id(api: CloudStackApi, cloud: CloudStackModel) -> None:
    cloud.storages.append({"id": "s1", "name": "one", "state": "Up"})
    with pytest.raises(JobUnfinished, match=r"the job [0-9a-f-]{36} did not end"):
        api.job("enableStorageMaintenance", timeout_s=0, id="s1")


def test_reading_is_repeated_changing_is_not(api: CloudStackApi, cloud: CloudStackModel) -> None:
    cloud.drop = {"listZones": 2, "updateStoragePool": 1}
    assert len(api.listed("listZones", Zone)) == 1
    with pytest.raises(Unreachable, match="updateStoragePool") as raised:
        api.call("updateStoragePool", id="s1")
    assert SECRET not in str(raised.value)
    assert cloud.made("updateStoragePool") == []


def test_errors_have_cloudstacks_words(api: CloudStackApi, cloud: CloudStackModel) -> None:
    cloud.faults["listZones"] = [Fault(530, "Internal error"), Fault(429, "Too many calls")]
    with pytest.raises(CallRefused, match="Internal error"):
        api.listed("listZones", Zone)
    with pytest.raises(CallRefused, match="429"):
        api.listed("listZones", Zone)
    with pytest.raises(CallRefused, match=r"401.*request signature"):
        api.call("makeCoffee")


def test_what_can_not_be_understood_is_said(api: CloudStackApi, cloud: CloudStackModel) -> None:
    cloud.storages.append({"id": "s1"})
    with pytest.raises(OddAnswer, match="name"):
        api.listed("listStoragePools", Storage)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    dead = CloudStackApi(Settings(f"http://127.0.0.1:{port}/client/api", KEY, SECRET, poll_s=0.01))
    with pytest.raises(Unreachable, match="listZones"):
        dead.listed("listZones", Zone)


def test_every_call_is_measured(server: CloudStackServer) -> None:
    seen: list[tuple[str, float]] = []
    settings = Settings(server.endpoint, KEY, SECRET)
    CloudStackApi(settings, lambda command, seconds: seen.append((command, seconds))).listed("listZones", Zone)
    assert [command for command, _ in seen] == ["listZones"]
    assert seen[0][1] > 0

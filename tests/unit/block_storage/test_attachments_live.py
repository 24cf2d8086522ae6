"""Attachments by HTTP when their zone is silent, or does what it was asked and does not answer."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.running import Running
from vregion.model.resource import Kind

Call = tuple[int, Any]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    started = Running(tmp_path_factory.mktemp("vregion")).start()
    yield started
    started.stop()


def call(running: Running, method: str, path: str, body: Any = None, token: str = "member") -> Call:
    """Status and decoded body."""
    url = f"{running.url}/block-storage/v3/{running.tenants['acme'].project_id}{path}"
    headers = {"X-Auth-Token": running.tokens[token], "OpenStack-API-Version": "volume 3.70"}
    answer = requests.request(method, url, json=body, headers=headers, timeout=60)
    return answer.status_code, answer.json() if answer.content else None


def volume_in(running: Running, volume_id: str, status: str) -> None:
    """Waits for the volume's status."""
    end = time.monotonic() + 30
    while (seen := call(running, "GET", f"/volumes/{volume_id}")[1]["volume"]["status"]) != status:
        assert time.monotonic() < end, seen
        time.sleep(0.05)


@pytest.fixture
def volume(running: Running) -> str:
    made = call(running, "POST", "/volumes", {"volume": {"size": 1}})[1]["volume"]
    volume_in(running, made["id"], "available")
    return str(made["id"])


def reserve(running: Running, volume: str, **more: Any) -> Call:
    return call(running, "POST", "/attachments", {"attachment": {"volume_uuid": volume, **more}})


def listed(running: Running, volume: str) -> list[dict[str, Any]]:
    return list(call(running, "GET", f"/attachments/detail?volume_id={volume}")[1]["attachments"])


def test_a_silent_zone_leaves_nothing_behind(running: Running, volume: str) -> None:
    faults = running.clouds["az1"].faults
    faults.down = True
    try:
        status, body = reserve(running, volume)
        assert (status, "az1 does not answer" in str(body)) == (503, True)
        assert listed(running, volume) == []
        assert call(running, "GET", f"/volumes/{volume}")[1]["volume"]["status"] == "available"
    finally:
        faults.down = False


def test_what_was_made_and_not_answered_is_found(running: Running, volume: str) -> None:
    running.clouds["az1"].faults.fail_next(Kind.VOLUME, "call", when="after")
    assert reserve(running, volume)[0] == 503
    volume_in(running, volume, "reserved")
    [found] = listed(running, volume)
    assert call(running, "DELETE", f"/attachments/{found['id']}") == (200, {"attachments": []})
    volume_in(running, volume, "available")


def test_an_end_that_was_not_answered_is_seen(running: Running, volume: str) -> None:
    one = reserve(running, volume)[1]["attachment"]["id"]
    running.clouds["az1"].faults.fail_next(Kind.VOLUME, "call", when="after")
    assert call(running, "DELETE", f"/attachments/{one}")[0] == 503
    volume_in(running, volume, "available")
    assert call(running, "GET", f"/attachments/{one}")[0] == 404


def test_how_to_connect_is_the_zones_word_with_our_ids_and_not_kept(running: Running, volume: str) -> None:
    [external] = [row.id for row in running.clouds["az1"].of(Kind.VOLUME) if row.document["status"] == "available"][-1:]
    connector = {"initiator": "iqn.1993-08.org.debian:01:here", "host": "here"}
    one = reserve(running, volume, connector=connector)[1]["attachment"]
    info = one["connection_info"]
    assert (info["volume_id"], info["attachment_id"]) == (volume, one["id"])
    assert info["target_iqn"] == f"iqn.2010-10.org.openstack:volume-{external}", "a name in the zone, not an id of ours"
    assert [found["connection_info"] for found in listed(running, volume)] == [{}]
    shown = call(running, "GET", f"/attachments/{one['id']}")[1]["attachment"]
    assert (shown["status"], shown["connection_info"]) == ("attaching", info)
    faults = running.clouds["az1"].faults
    faults.down = True
    try:
        assert call(running, "GET", f"/attachments/{one['id']}")[1]["attachment"]["connection_info"] == {}
    finally:
        faults.down = False


def test_nobody_elses(running: Running, volume: str) -> None:
    one = reserve(running, volume)[1]["attachment"]["id"]
    url = f"{running.url}/block-storage/v3/{running.tenants['rival'].project_id}/attachments/{one}"
    headers = {"X-Auth-Token": running.tokens["other"], "OpenStack-API-Version": "volume 3.70"}
    for method in ("GET", "DELETE"):
        assert requests.request(method, url, headers=headers, timeout=60).status_code == 404
    assert [found["id"] for found in listed(running, volume)] == [one]

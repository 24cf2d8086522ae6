"""Fifty first boots at once on a network that no cloud has seen: what they share is made once."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.cloud import Cloud, until

pytestmark = pytest.mark.lab
COUNT = 50


def test_what_fifty_first_boots_share_is_made_once(acme: Cloud, inside: dict[str, Cloud], image: str) -> None:
    network = acme.network("crowd")
    there = inside["az2"]
    assert there.listed("server") == []

    def boot(number: int) -> str:
        nics = [{"uuid": network}]
        server = {"name": f"crowd{number}", "flavorRef": "1", "imageRef": image, "networks": nics}
        made: str = acme.make("server", **server, availability_zone="az2")["id"]
        return made

    began = time.monotonic()
    with ThreadPoolExecutor(COUNT) as pool:
        servers = list(pool.map(boot, range(COUNT)))
    accepted = time.monotonic() - began

    def active() -> bool:
        states = [server["status"] for server in acme.listed("server")]
        assert "ERROR" not in states
        return states == ["ACTIVE"] * COUNT

    until(active, 300, "all are ACTIVE", every=1)
    print(f"\n{COUNT} first boots: accepted in {accepted:.1f} s, ACTIVE after {time.monotonic() - began:.1f} s")
    assert len([n for n in there.listed("network") if n["project_id"] == there.project_id]) == 1
    assert len([s for s in there.listed("subnet") if s["project_id"] == there.project_id]) == 1
    assert len([i for i in there.listed("image") if i["owner"] == there.project_id]) == 1
    seen = {server["name"]: server["addresses"]["crowd"][0]["addr"] for server in there.listed("server")}
    assert seen == {server["name"]: server["addresses"]["crowd"][0]["addr"] for server in acme.listed("server")}
    assert len(set(seen.values())) == COUNT
    assert acme.call("compute", "GET", "/limits")["limits"]["absolute"]["totalInstancesUsed"] == COUNT

    with ThreadPoolExecutor(COUNT) as pool:
        list(pool.map(lambda server: acme.drop("server", server), servers))
    until(lambda: not acme.listed("server"), 300, "all are gone", every=1)
    assert there.listed("server") == []
    acme.drop("network", network)

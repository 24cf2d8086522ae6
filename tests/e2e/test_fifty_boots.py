"""Fifty first boots at once on a network that no cloud has seen: what they share is made once, in one zone or two."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.cloud import Cloud, until
from tests.e2e.rig import ZONES

pytestmark = pytest.mark.lab
COUNT = 50


def crowd(acme: Cloud, image: str, network: str, zones: tuple[str, ...]) -> list[str]:
    """Fifty servers asked for at once, in these zones by turns, that are ACTIVE; their ids."""

    def boot(number: int) -> str:
        nics = [{"uuid": network}]
        server = {"name": f"crowd{number}", "flavorRef": "1", "imageRef": image, "networks": nics}
        made: str = acme.make("server", **server, availability_zone=zones[number % len(zones)])["id"]
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
    took = time.monotonic() - began
    print(f"\n{COUNT} first boots in {' and '.join(zones)}: accepted in {accepted:.1f} s, ACTIVE after {took:.1f} s")
    return servers


def disperse(acme: Cloud, servers: list[str]) -> None:
    """All of them are gone."""
    with ThreadPoolExecutor(COUNT) as pool:
        list(pool.map(lambda server: acme.drop("server", server), servers))
    until(lambda: not acme.listed("server"), 300, "all are gone", every=1)


def own(cloud: Cloud, noun: str) -> list[Any]:
    """What the tenant's project has there, and what its network's services have on its behalf."""
    return [one for one in cloud.listed(noun) if one.get("project_id", one.get("owner")) == cloud.project_id]


def addresses(cloud: Cloud) -> dict[str, str]:
    return {server["name"]: server["addresses"]["crowd"][0]["addr"] for server in cloud.listed("server")}


def test_what_fifty_first_boots_share_is_made_once(acme: Cloud, inside: dict[str, Cloud], image: str) -> None:
    network, there = acme.network("crowd"), inside["az2"]
    assert there.listed("server") == []
    servers = crowd(acme, image, network, ("az2",))
    assert [len(own(there, noun)) for noun in ("network", "subnet", "image")] == [1, 1, 1]
    seen = addresses(there)
    assert seen == addresses(acme)
    assert len(set(seen.values())) == COUNT
    assert acme.call("compute", "GET", "/limits")["limits"]["absolute"]["totalInstancesUsed"] == COUNT
    disperse(acme, servers)
    assert there.listed("server") == []
    acme.drop("network", network)


@pytest.mark.usefixtures("wan")
def test_over_two_zones_on_one_network_with_a_router(acme: Cloud, inside: dict[str, Cloud], image: str) -> None:
    """In each zone one network of the same segment, one subnet, one router with one interface; no address twice."""
    network = acme.network("crowd", "10.51.0.0/24")
    (subnet,) = acme.show("network", network)["subnets"]
    router = acme.call("network", "POST", "/routers", {"router": {"name": "crowd"}})["router"]["id"]
    acme.call("network", "PUT", f"/routers/{router}/add_router_interface", {"subnet_id": subnet})
    servers = crowd(acme, image, network, tuple(ZONES))
    segments, taken = set(), []
    for there in inside.values():
        assert [len(own(there, noun)) for noun in ("network", "subnet")] == [1, 1]
        segments.add(own(there, "network")[0]["provider:segmentation_id"])
        assert len(own_routers(there)) == 1
        ports = there.listed("port", f"?network_id={own(there, 'network')[0]['id']}")
        owners = Counter(port["device_owner"].partition(":")[0] for port in ports)
        assert (owners["compute"], sum(p["device_owner"] == "network:router_interface" for p in ports)) == (
            COUNT / 2,
            1,
        )
        taken += [ip["ip_address"] for port in ports for ip in port["fixed_ips"]]
    assert len(segments) == 1
    assert len(set(taken)) == len(taken)
    assert {**addresses(inside["az1"]), **addresses(inside["az2"])} == addresses(acme)
    disperse(acme, servers)
    acme.call("network", "PUT", f"/routers/{router}/remove_router_interface", {"subnet_id": subnet})
    acme.call("network", "DELETE", f"/routers/{router}")
    acme.drop("network", network)
    until(lambda: not any(own_routers(there) for there in inside.values()), 60, "the routers are gone")


def own_routers(cloud: Cloud) -> Any:
    return cloud.call("network", "GET", f"/routers?project_id={cloud.project_id}")["routers"]

"""Fifty first boots at once in a zone, and ten in another, on a network that no cloud has seen: what they share is made
once in each.
"""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.cloud import Cloud, until

pytestmark = pytest.mark.lab
COUNTS = {"az1": 10, "az2": 50}  # zone -> servers


def crowd(acme: Cloud, image: str, network: str) -> list[str]:
    """The servers, asked for at once in random order, that are ACTIVE; their ids."""

    def boot(zone: str) -> str:
        server = {"name": "crowd", "flavorRef": "1", "imageRef": image, "networks": [{"uuid": network}]}
        made: str = acme.make("server", **server, availability_zone=zone)["id"]
        return made

    wanted = list(Counter(COUNTS).elements())
    random.Random(0).shuffle(wanted)
    began = time.monotonic()
    with ThreadPoolExecutor(len(wanted)) as pool:
        servers = list(pool.map(boot, wanted))
    accepted = time.monotonic() - began

    def active() -> bool:
        states = [server["status"] for server in acme.listed("server")]
        assert "ERROR" not in states
        return states == ["ACTIVE"] * len(wanted)

    until(active, 300, "all are ACTIVE", every=1)
    took = time.monotonic() - began
    print(f"\n{COUNTS}: first boots accepted in {accepted:.1f} s, ACTIVE after {took:.1f} s")
    return servers


def disperse(acme: Cloud, servers: list[str]) -> None:
    """All of them are gone."""
    with ThreadPoolExecutor(len(servers)) as pool:
        list(pool.map(lambda server: acme.drop("server", server), servers))
    until(lambda: not acme.listed("server"), 300, "all are gone", every=1)


def own(cloud: Cloud, noun: str) -> list[Any]:
    """What the tenant's project has there, and what its network's services have on its behalf."""
    return [one for one in cloud.listed(noun) if one.get("project_id", one.get("owner")) == cloud.project_id]


def addresses(*clouds: Cloud) -> list[str]:
    """Those of the servers there."""
    servers = [server for cloud in clouds for server in cloud.listed("server")]
    return sorted(server["addresses"]["crowd"][0]["addr"] for server in servers)


@pytest.mark.usefixtures("wan")
def test_what_first_boots_share_is_made_once(acme: Cloud, inside: dict[str, Cloud], image: str) -> None:
    """Per zone one network of the same segment, one subnet, one copy of the image, one router with one interface."""
    network = acme.network("crowd", "10.51.0.0/24")
    (subnet,) = acme.show("network", network)["subnets"]
    router = acme.call("network", "POST", "/routers", {"router": {"name": "crowd"}})["router"]["id"]
    acme.call("network", "PUT", f"/routers/{router}/add_router_interface", {"subnet_id": subnet})
    assert not any(there.listed("server") for there in inside.values())
    servers = crowd(acme, image, network)
    segments, taken = set(), []
    for zone, there in inside.items():
        assert [len(own(there, noun)) for noun in ("network", "subnet", "image")] == [1, 1, 1]
        segments.add(own(there, "network")[0]["provider:segmentation_id"])
        assert len(own_routers(there)) == 1
        ports = there.listed("port", f"?network_id={own(there, 'network')[0]['id']}")
        owners = Counter(port["device_owner"].partition(":")[0] for port in ports)
        interfaces = [port for port in ports if port["device_owner"] == "network:router_interface"]
        assert (owners["compute"], len(interfaces)) == (COUNTS[zone], 1)
        taken += [ip["ip_address"] for port in ports for ip in port["fixed_ips"]]
    assert len(segments) == 1
    assert len(set(taken)) == len(taken)
    assert addresses(*inside.values()) == addresses(acme)
    used = acme.call("compute", "GET", "/limits")["limits"]["absolute"]["totalInstancesUsed"]
    assert used == len(servers) == sum(COUNTS.values())
    disperse(acme, servers)
    assert not any(there.listed("server") for there in inside.values())
    acme.call("network", "PUT", f"/routers/{router}/remove_router_interface", {"subnet_id": subnet})
    acme.call("network", "DELETE", f"/routers/{router}")
    acme.drop("network", network)
    until(lambda: not any(own_routers(there) for there in inside.values()), 60, "the routers are gone")


def own_routers(cloud: Cloud) -> Any:
    return cloud.call("network", "GET", f"/routers?project_id={cloud.project_id}")["routers"]

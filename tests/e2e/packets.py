"""What the tests with packets share: the lab that they need, and short ways to groups, servers and where those sit.

Everything is asked for through vregion; the packets are seen inside the servers, which are network namespaces of a lab
with a data plane (`python -m lab up 2 --net`).
"""

from typing import Any

import pytest

from lab.proofs import probes as probes
from lab.regions import known
from tests.e2e.cloud import Cloud

needed = pytest.mark.skipif(
    not known() or any(not region.has_switches for region in known()),
    reason="this lab carries no packets: python -m lab up 2 --net",
)
SOON = 30.0  # seconds after which a change that has not reached the other zone never will; how long it took is printed
MTU = 1500
PINGS = ({"protocol": "icmp", "ethertype": "IPv4"}, {"protocol": "ipv6-icmp", "ethertype": "IPv6"})
WEB = {"protocol": "tcp", "ethertype": "IPv4", "port_range_min": 80, "port_range_max": 80}


def group(acme: Cloud, name: str, *rules: Any) -> str:
    """A security group that lets these in."""
    made: str = acme.make("security_group", name=name)["id"]
    for rule in rules:
        body = {"security_group_id": made, "direction": "ingress", **rule}
        acme.call("network", "POST", "/security-group-rules", {"security_group_rule": body})
    return made


def boot(acme: Cloud, image: str, name: str, zone: str, networks: Any, **more: Any) -> str:
    """A server of the smallest flavor; its id."""
    server = {"name": name, "flavorRef": "1", "imageRef": image, "availability_zone": zone, **more}
    made: str = acme.make("server", networks=networks, **server)["id"]
    return made


def seat(acme: Cloud, inside: dict[str, Cloud], server: str, zone: str) -> tuple[str, str]:
    """The server's id in its zone, which names its namespace, and its IPv4 address as vregion tells it."""
    shown = acme.status("server", server, "ACTIVE", 240)
    (there,) = [one for one in inside[zone].listed("server") if one["name"] == shown["name"]]
    (found,) = shown["addresses"].values()
    return str(there["id"]), next(ip["addr"] for ip in found if ip["version"] == 4)

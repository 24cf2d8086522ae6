"""One router over two zones, with packets: each prefix has one route, and the routes follow what the tenant draws.

Only on a lab with a data plane (`python -m lab up 2 --net`). Everything is asked for through vregion; the packets are
seen inside the servers, the routes in the routers that the zones have.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.e2e import packets
from tests.e2e.cloud import Cloud, until
from tests.e2e.packets import PINGS, SOON, WEB, boot, group, probes, seat
from tests.e2e.rig import ZONES

pytestmark = [pytest.mark.lab, packets.needed, pytest.mark.usefixtures("wan")]
FOREIGN = "192.0.2.0/24"


@dataclass
class Drawing:
    """A router, the security group of its servers, and what was put on it so far."""

    acme: Cloud
    inside: dict[str, Cloud]
    image: str
    opened: str
    router: str
    networks: dict[str, list[str]] = field(default_factory=dict)  # network -> its subnets
    servers: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return self.acme.call("network", method, path, body)

    def subnet(self, name: str, cidr: str, **fields: Any) -> str:
        """A network with a subnet that the router is not on yet; the subnet's id."""
        network = self.acme.network(name, cidr, **fields)
        (subnet,) = self.acme.show("network", network)["subnets"]
        self.networks[network] = [subnet]
        return str(subnet)

    def beside(self, subnet: str, cidr: str) -> str:
        """An IPv6 subnet on the same network, whose servers make their own addresses; the router is on it."""
        (network,) = [one for one, below in self.networks.items() if subnet in below]
        wish = {"network_id": network, "ip_version": 6, "cidr": cidr}
        modes = dict.fromkeys(("ipv6_ra_mode", "ipv6_address_mode"), "slaac")
        made: str = self.acme.make("subnet", **wish, **modes)["id"]
        self.networks[network].append(made)
        self.attach(made)
        return made

    def attach(self, subnet: str) -> None:
        self.ask("PUT", f"/routers/{self.router}/add_router_interface", {"subnet_id": subnet})

    def detach(self, subnet: str) -> None:
        self.ask("PUT", f"/routers/{self.router}/remove_router_interface", {"subnet_id": subnet})

    def server(self, name: str, zone: str, subnet: str) -> tuple[str, str]:
        """A server that runs and has its address: where it is, and the address."""
        (network,) = [one for one, below in self.networks.items() if subnet in below]
        made = boot(self.acme, self.image, name, zone, [{"uuid": network}], security_groups=[{"name": self.opened}])
        self.servers.append(made)
        there, address = seat(self.acme, self.inside, made, zone)
        assert probes.has_address(there, address), probes.addresses(there)
        return there, address

    def there(self, zone: str) -> Any:
        """The router as its zone has it."""
        cloud = self.inside[zone]
        mine = f"/routers?project_id={cloud.project_id}"
        return next(iter(cloud.call("network", "GET", mine)["routers"]), None)

    def routes(self, zone: str) -> list[str]:
        """Where the zone's router has routes to."""
        return sorted(route["destination"] for route in (self.there(zone) or {"routes": []})["routes"])

    def inner(self, zone: str) -> list[str]:
        """On which of the drawing's networks there any router is: their names."""
        cloud = self.inside[zone]
        names = {net["id"]: net["name"] for net in cloud.listed("network", f"?project_id={cloud.project_id}")}
        doors = cloud.listed("port", "?device_owner=network:router_interface")
        found = [names[door["network_id"]] for door in doors if door["network_id"] in names]
        return [name for name in found if not name.startswith("transit")]

    def wipe(self) -> None:
        """All of it ends, and the zones let go of it."""
        for server in self.servers:
            self.acme.drop("server", server)
            self.acme.gone("server", server)
        away = f"/routers/{self.router}/remove_router_interface"
        for network, below in self.networks.items():
            for subnet in below:
                self.acme.send("network", "PUT", away, {"subnet_id": subnet})
            self.acme.drop("network", network)
        self.ask("DELETE", f"/routers/{self.router}")
        self.acme.drop("security_group", self.opened)
        until(lambda: not any(self.there(zone) for zone in ZONES), 60, "the routers are gone")


def router(acme: Cloud, gateway: bool = False) -> str:
    """A new router."""
    body: dict[str, Any] = {"name": "wide"}
    if gateway:
        (outside,) = acme.listed("network", "?router:external=true")
        body["external_gateway_info"] = {"network_id": outside["id"]}
    made: str = acme.call("network", "POST", "/routers", {"router": body})["router"]["id"]
    return made


@pytest.fixture
def drawing(acme: Cloud, inside: dict[str, Cloud], image: str) -> Iterator[Drawing]:
    """An empty drawing, wiped afterwards."""
    made = Drawing(acme, inside, image, group(acme, "routed", *PINGS, WEB), router(acme, gateway=True))
    yield made
    made.wipe()


def took(look: Callable[[], object], limit: float = SOON) -> float:
    """Seconds until it is seen; an assertion when it is not."""
    began = time.monotonic()
    assert probes.until(look, limit, 0.1)
    return time.monotonic() - began


def answers(server: str, address: str) -> bool:
    return probes.inside(server, "ping", "-n", "-c1", "-W0.3", address)[0]


def ipv6(acme: Cloud, name: str) -> str:
    """The address of the server of that name."""
    (server,) = acme.listed("server", f"?name={name}")
    (found,) = server["addresses"].values()
    return str(next(ip["addr"] for ip in found if ip["version"] == 6))


def test_ipv6_from_zone_to_zone(drawing: Drawing) -> None:
    """The addresses that the routers' advertisements make are those that vregion shows, and they reach each other."""
    below = [drawing.subnet(f"six-{zone}", f"10.8{n}.0.0/24", availability_zone_hints=[zone])
             for n, zone in enumerate(ZONES)]  # fmt: skip
    for number, subnet in enumerate(below):
        drawing.beside(subnet, f"fd00:8{number}::/64")
    first, second = (drawing.server(f"six-{zone}", zone, on)[0] for zone, on in zip(ZONES, below, strict=True))
    addresses = {server: ipv6(drawing.acme, f"six-{zone}") for server, zone in ((first, "az1"), (second, "az2"))}
    for server, address in addresses.items():
        assert probes.until(lambda s=server, a=address: a in probes.inside(s, "ip", "-6", "-o", "addr")[1], 60)  # type: ignore[misc]
    assert took(lambda: answers(first, addresses[second]), 60)
    assert probes.ping(second, addresses[first])
    assert drawing.routes("az1") == ["fd00:81::/64"]


def test_two_zones_by_one_route_per_prefix(drawing: Drawing) -> None:
    """Ping and TCP both ways; a third subnet comes and goes; the router ends and comes again; others' routes stay."""
    one, two = (drawing.subnet(f"only-{zone}", f"10.8{n}.0.0/24", availability_zone_hints=[zone])
                for n, zone in enumerate(ZONES))  # fmt: skip
    drawing.attach(one)
    drawing.attach(two)
    first, first_ip = drawing.server("routed-1", "az1", one)
    second, second_ip = drawing.server("routed-2", "az2", two)
    joined = took(lambda: answers(first, second_ip), 60)
    assert probes.ping(second, first_ip)
    assert probes.until(lambda: probes.web(first, second_ip), 15) == "routed-2"
    assert probes.until(lambda: probes.web(second, first_ip), 15) == "routed-1"
    assert [drawing.routes(zone) for zone in ZONES] == [["10.81.0.0/24"], ["10.80.0.0/24"]]

    foreign = {"router": {"routes": [{"destination": FOREIGN, "nexthop": first_ip}]}}
    own = drawing.there("az1")["id"]
    drawing.inside["az1"].call("network", "PUT", f"/routers/{own}/add_extraroutes", foreign)
    third = drawing.subnet("third", "10.82.0.0/24", availability_zone_hints=["az2"])
    third_server, third_ip = drawing.server("routed-3", "az2", third)
    assert not answers(first, third_ip)
    drawing.attach(third)
    added = took(lambda: answers(first, third_ip))
    assert drawing.routes("az1") == ["10.81.0.0/24", "10.82.0.0/24", FOREIGN]
    drawing.detach(third)
    removed = took(lambda: drawing.routes("az1") == ["10.81.0.0/24", FOREIGN] and not answers(first, third_ip))
    assert third_server

    drawing.inside["az1"].call("network", "PUT", f"/routers/{own}/remove_extraroutes", foreign)
    for subnet in (one, two):
        drawing.detach(subnet)
    drawing.ask("DELETE", f"/routers/{drawing.router}")
    gone = took(lambda: not any(drawing.inner(zone) or drawing.routes(zone) for zone in ZONES), 60)
    took(lambda: not answers(first, second_ip))
    drawing.router = router(drawing.acme)
    began = time.monotonic()
    for subnet in (one, two):
        drawing.attach(subnet)
    assert probes.until(lambda: answers(first, second_ip), 60, 0.1)
    again = time.monotonic() - began
    assert [drawing.routes(zone) for zone in ZONES] == [["10.81.0.0/24"], ["10.80.0.0/24"]]
    print(f"\njoined {joined:.1f} s after the servers; a prefix added in {added:.1f} s, removed in {removed:.1f} s; "
          f"a router gone in {gone:.1f} s, another one joins in {again:.1f} s")  # fmt: skip


def test_a_router_on_a_network_that_spans_zones(drawing: Drawing) -> None:
    """Each zone has a router of its own on it and leaves by it; a network of one zone is reached from the other."""
    wide = drawing.subnet("wide", "10.90.0.0/24")
    local = drawing.subnet("local", "10.91.0.0/24", availability_zone_hints=["az2"])
    drawing.attach(wide)
    drawing.attach(local)
    first, first_ip = drawing.server("wide-1", "az1", wide)
    second, second_ip = drawing.server("wide-2", "az2", wide)
    third, third_ip = drawing.server("local-2", "az2", local)
    assert probes.ping(first, second_ip)
    assert probes.ping(second, first_ip)
    assert took(lambda: answers(first, third_ip), 60)
    assert probes.ping(third, first_ip)
    assert (drawing.routes("az1"), drawing.routes("az2")) == (["10.91.0.0/24"], [])
    for zone, server in zip(ZONES, (first, second), strict=True):
        outside = drawing.there(zone)["external_gateway_info"]["external_fixed_ips"][0]["ip_address"]
        assert probes.until(lambda s=server: probes.seen_by_internet(s), 60) == outside, zone  # type: ignore[misc]

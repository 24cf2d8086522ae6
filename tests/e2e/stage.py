"""A stage for packets: a server in each zone, on networks of its own, and one router with a gateway over both zones.

`test_graphs` draws on it. A server has three ports: on its zone's network (IPv4, and IPv6 by DHCP), on another one
where it makes its IPv6 address itself, and on a network without a gateway that spans both zones. Everything is asked
for through vregion; `Seat.there` names the server's network namespace.
"""

import json
import subprocess
from dataclasses import dataclass, field
from typing import Any

from lab.proofs import probes
from tests.e2e.cloud import Cloud, until
from tests.e2e.packets import PINGS, boot, group
from tests.e2e.rig import ZONES

ANY_TCP = {"protocol": "tcp", "ethertype": "IPv4"}
RESOLVER = "fd00:53::1"
ROUTERS = "/routers"


@dataclass
class Seat:
    """A server in a zone. `ports` by what they are for: own, six, bare; `subnets`: own, own6, six."""

    zone: str
    server: str = ""
    there: str = ""
    ports: dict[str, Any] = field(default_factory=dict)
    subnets: dict[str, str] = field(default_factory=dict)
    programs: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def address(self, which: str, version: int = 4) -> str:
        """As vregion tells it."""
        found = [ip["ip_address"] for ip in self.ports[which]["fixed_ips"]]
        return next(str(ip) for ip in found if (":" in ip) == (version == 6))

    def device(self, which: str) -> str:
        """The interface inside the server."""
        links = json.loads(probes.inside(self.there, "ip", "-j", "link")[1])
        return next(str(link["ifname"]) for link in links if link["address"] == self.ports[which]["mac_address"])

    def background(self, *command: str) -> None:
        """A program inside the server; it ends with the server."""
        words, away = ["ip", "netns", "exec", f"vm-{self.there}", *command], subprocess.DEVNULL
        self.programs.append(subprocess.Popen(words, stdin=away, stdout=away, stderr=away))

    def shows(self, words: str, *command: str, limit: float = 60) -> bool:
        """Whether a program inside says these words, at last."""
        return probes.until(lambda: words in probes.inside(self.there, *command)[1], limit)

    def leads(self, which: str, prefix: str) -> None:
        """What goes to an IPv6 prefix leaves by one of the ports: with two routers on two of them it may by either."""
        device = self.device(which)
        told = json.loads(probes.inside(self.there, "ip", "-j", "-6", "route", "show", "default", "dev", device)[1])
        way = ("via", str(told[0]["gateway"]), "dev", device)
        assert probes.inside(self.there, "ip", "-6", "route", "replace", prefix, *way)[0]

    def answers(self, address: str, *more: str) -> bool:
        """Whether a ping from here is answered, at once or not."""
        return probes.inside(self.there, "ping", "-n", "-c1", "-W1", *more, address)[0]

    def reaches(self, address: str, *more: str, limit: float = 60) -> bool:
        """... within a minute."""
        return probes.until(lambda: self.answers(address, *more), limit, 0.1)

    def loses(self, address: str, *more: str, limit: float = 30) -> bool:
        """Whether pings are not answered any more: three in a row."""
        return probes.until(lambda: not any(self.answers(address, *more) for _ in range(3)), limit)


@dataclass
class Stage:
    """What is on it. `router` is on everything but the networks without a gateway, as far as a test drew it."""

    acme: Cloud
    inside: dict[str, Cloud]
    image: str
    opened: str = ""
    router: str = ""
    outside: str = ""
    seats: dict[str, Seat] = field(default_factory=dict)
    networks: list[str] = field(default_factory=list)
    routers: list[str] = field(default_factory=list)
    servers: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return self.acme.call("network", method, path, body)

    def draw(self) -> "Stage":
        """Networks, ports, a router with a gateway that is on az1's networks; the servers boot."""
        (external,) = self.acme.listed("network", "?router:external=true")
        self.outside = external["id"]
        self.opened = group(self.acme, "stage", *PINGS, ANY_TCP)
        self.router = self.add_router("stage", gateway=True)
        bare = self.network("stage-bare", "10.40.9.0/24", gateway_ip=None)
        for number, zone in enumerate(ZONES, 1):
            self.seats[zone] = self._seat(number, zone, bare)
        return self

    def _seat(self, number: int, zone: str, bare: str) -> Seat:
        seat = Seat(zone)
        own = self.network(f"stage-{zone}", f"10.40.{number}.0/24", zone)
        six = self.network(f"stage-six-{zone}", zone=zone)
        (seat.subnets["own"],) = self.acme.show("network", own)["subnets"]
        seat.subnets["own6"] = self.subnet6(own, f"fd00:40:{number}::/64", "dhcpv6-stateful")
        seat.subnets["six"] = self.subnet6(
            six, f"fd00:41:{number}::/64", "dhcpv6-stateless", dns_nameservers=[RESOLVER]
        )
        for which, network in (("own", own), ("six", six), ("bare", bare)):
            wish = {"network_id": network, "security_groups": [self.opened], "name": f"{zone}-{which}"}
            seat.ports[which] = self.acme.make("port", **wish)
        return seat

    def boot(self, zone: str) -> None:
        """The zone's server, on the ports that it has."""
        nics = [{"port": port["id"]} for port in self.seats[zone].ports.values()]
        self.seats[zone].server = boot(self.acme, self.image, f"stage-{zone}", zone, nics)
        self.servers.append(self.seats[zone].server)

    def find(self, server: str, zone: str) -> str:
        """The server's id in its zone, once it runs."""
        name = self.acme.status("server", server, "ACTIVE", 240)["name"]
        (there,) = [one for one in self.inside[zone].listed("server") if one["name"] == name]
        return str(there["id"])

    def network(self, name: str, cidr: str = "", zone: str = "", **subnet: Any) -> str:
        """A network of one zone, or of all, with one IPv4 subnet if a prefix is given."""
        hints = {"availability_zone_hints": [zone]} if zone else {}
        made: str = self.acme.make("network", name=name, **hints)["id"]
        self.networks.append(made)
        if cidr:
            self.acme.make("subnet", network_id=made, ip_version=4, cidr=cidr, **subnet)
        return made

    def subnet6(self, network: str, cidr: str, mode: str, **fields: Any) -> str:
        modes = dict.fromkeys(("ipv6_ra_mode", "ipv6_address_mode"), mode)
        return str(self.acme.make("subnet", network_id=network, ip_version=6, cidr=cidr, **modes, **fields)["id"])

    def add_router(self, name: str, *, gateway: bool = False) -> str:
        body: dict[str, Any] = {"name": name}
        if gateway:
            body["external_gateway_info"] = {"network_id": self.outside}
        made: str = self.ask("POST", ROUTERS, {"router": body})["router"]["id"]
        self.routers.append(made)
        return made

    def attach(self, router: str, subnet: str = "", port: str = "") -> None:
        self.ask(
            "PUT", f"{ROUTERS}/{router}/add_router_interface", {"subnet_id": subnet} if subnet else {"port_id": port}
        )

    def detach(self, router: str, subnet: str) -> None:
        self.ask("PUT", f"{ROUTERS}/{router}/remove_router_interface", {"subnet_id": subnet})

    def floating_ip(self, port: str = "", **fields: Any) -> Any:
        body = {"floating_network_id": self.outside, **({"port_id": port} if port else {}), **fields}
        return self.ask("POST", "/floatingips", {"floatingip": body})["floatingip"]

    def floating(self, seat: Seat) -> Any:
        """The floating IP of a server's own port, which has one then."""
        port = seat.ports["own"]["id"]
        found = self.ask("GET", f"/floatingips?port_id={port}")["floatingips"]
        return found[0] if found else self.floating_ip(port)

    def unreached(self, seat: Seat) -> None:
        """No floating IP leads to a server's own port."""
        for ip in self.ask("GET", f"/floatingips?port_id={seat.ports['own']['id']}")["floatingips"]:
            self.ask("DELETE", f"/floatingips/{ip['id']}")

    def there(self, zone: str, router: str) -> Any:
        """A router of ours as its zone has it, or None."""
        found = self.inside[zone].call("network", "GET", f"/routers?description=vregion:{router}")["routers"]
        return found[0] if found else None

    def routes(self, zone: str, router: str) -> list[str]:
        """Where the zone's router has routes to."""
        return sorted(one["destination"] for one in (self.there(zone, router) or {"routes": ()})["routes"])

    def wipe(self) -> None:
        """All of it ends, and the zones let go of it."""
        for ip in self.ask("GET", "/floatingips")["floatingips"]:
            for one in ip["port_forwardings"] or ():
                self.ask("DELETE", f"/floatingips/{ip['id']}/port_forwardings/{one['id']}")
            self.ask("DELETE", f"/floatingips/{ip['id']}")
        for server in self.servers:
            self.acme.send("compute", "DELETE", f"/servers/{server}")
        for server in self.servers:
            self.acme.gone("server", server)
        for program in [program for seat in self.seats.values() for program in seat.programs]:
            program.wait(10)
        for router in self.routers:
            for port in self.acme.listed("port", f"?device_id={router}&device_owner=network:router_interface"):
                self.ask("PUT", f"{ROUTERS}/{router}/remove_router_interface", {"port_id": port["id"]})
            self.ask("DELETE", f"{ROUTERS}/{router}")
        for port in self.acme.listed("port"):
            self.acme.send("network", "DELETE", f"/ports/{port['id']}")
        for network in self.networks:
            self.acme.send("network", "DELETE", f"/networks/{network}")
            self.acme.gone("network", network)
        self.acme.drop("security_group", self.opened)
        until(lambda: not any(self.there(z, r) for z in ZONES for r in self.routers), 60, "the routers are gone")

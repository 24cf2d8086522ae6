"""`python -m bench.networks [--subnets 2,10,50]`: networks, ports and routers on a lab whose switches carry packets.

vregion and a bare region get the same requests in the same run. Then what only packets show: how long from a port's
creation until its server answers a ping; and how long until a router that gets N subnets, half of them in each of two
zones, leads from a server on the one half to every subnet of the other: for the bare region both halves are in it, so
that one router of its own joins them. Prints Markdown.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.client import Endpoint, Figure, timed
from lab.proofs import probes
from lab.regions import known
from tests.e2e.cloud import Cloud, until
from tests.e2e.rig import ZONES, Rig
from vregion.settings import Settings

NAME = "bench"
LISTED, TIMES, BOOTS = 20, 20, 3  # a tenant has 100 networks by default
PING = {"direction": "ingress", "protocol": "icmp", "ethertype": "IPv4"}


class Side:
    """vregion or the bare region: a client for requests that are timed, one for all the rest."""

    def __init__(self, cloud: Cloud, inside: Cloud | None) -> None:
        """`inside`: where a server of vregion's is looked up in its zone; None: the cloud is the region itself."""
        self.cloud, self.end, self.inside = cloud, Endpoint(cloud.url("network"), cloud.token), inside
        self.image = cloud.image(NAME, b"b" * 65536)
        self.flavor = cloud.call("compute", "GET", "/flavors?sort_key=memory_mb")["flavors"][0]["id"]
        self.group = cloud.make("security_group", name=NAME)["id"]
        rule = {**PING, "security_group_id": self.group}
        cloud.call("network", "POST", "/security-group-rules", {"security_group_rule": rule})

    def clear(self) -> None:
        """Nothing of it is left."""
        for server in self._mine("server"):
            self.cloud.drop("server", server)
            self.cloud.gone("server", server)
        for router in self.cloud.call("network", "GET", f"/routers?name={NAME}")["routers"]:
            owned = f"?device_id={router['id']}&device_owner=network:router_interface"
            for port in self.cloud.listed("port", owned):
                path = f"/routers/{router['id']}/remove_router_interface"
                self.cloud.call("network", "PUT", path, {"port_id": port["id"]})
            self.cloud.call("network", "DELETE", f"/routers/{router['id']}")
        for noun in ("port", "network", "security_group", "image"):
            for name in self._mine(noun):
                self.cloud.drop(noun, name)
                self.cloud.gone(noun, name)

    def _mine(self, noun: str) -> list[str]:
        return [one["id"] for one in self.cloud.listed(noun) if one["name"].startswith(NAME)]

    def boot(self, name: str, ports: list[str], zone: str) -> str:
        """A server that has these ports, in no hurry; its id."""
        there = {"availability_zone": zone} if self.inside else {}
        server = {"name": f"{NAME}-{name}", "imageRef": self.image, "flavorRef": self.flavor, **there}
        made: str = self.cloud.make("server", networks=[{"port": port} for port in ports], **server)["id"]
        return made

    def runs(self, server: str, inside: Cloud | None) -> str:
        """The server's id in its region, when it runs."""
        name = self.cloud.status("server", server, "ACTIVE", 600)["name"]
        return next(one["id"] for one in inside.listed("server") if one["name"] == name) if inside else server

    def listing(self) -> Figure:
        """A page of networks."""
        for _ in range(LISTED):
            self.cloud.make("network", name=NAME)
        return timed(lambda: self.end.send("GET", f"/networks?limit={LISTED}"), TIMES)

    def ports(self, network: str) -> Figure:
        """Ports on one network, one after the other."""
        body = {"port": {"network_id": network, "name": NAME}}
        return timed(lambda: self.end.send("POST", "/ports", body), TIMES)

    def interfaces(self) -> Figure:
        """A router gets one subnet after the other."""
        router = self.cloud.call("network", "POST", "/routers", {"router": {"name": NAME}})["router"]["id"]
        networks = [self.cloud.network(NAME, f"10.70.{number}.0/24") for number in range(TIMES + 1)]
        below = iter([self.cloud.show("network", network)["subnets"][0] for network in networks])
        path = f"/routers/{router}/add_router_interface"
        return timed(lambda: self.end.send("PUT", path, {"subnet_id": next(below)}), TIMES)

    def first_pings(self, network: str) -> list[float]:
        """Seconds from a port's creation to the first ping that its server answers to another one on the network."""
        watcher = self.runs(self._seat("watcher", network)[0], self.inside)
        found = []
        for number in range(BOOTS):
            began = time.monotonic()
            answered(watcher, self._seat(f"first-{number}", network)[1])
            found.append(time.monotonic() - began)
        return found

    def _seat(self, name: str, network: str) -> tuple[str, str]:
        """A server on a new port, and its address."""
        port = self.cloud.make("port", network_id=network, security_groups=[self.group], name=NAME)
        return self.boot(name, [port["id"]], "az1"), port["fixed_ips"][0]["ip_address"]


def convergence(side: Side, insides: dict[str, Cloud | None], counts: list[int]) -> Iterator[tuple[float, float]]:
    """(seconds of the requests, seconds until all is reached) for each count of subnets, half of them per zone.

    One server per zone is on all networks of its zone. It has no port security, since it answers by one port for all.
    `insides`: where a zone's servers are looked up; None: the side is a region without zones.
    """
    seats = {zone: _everywhere(side, insides[zone], zone, max(counts) // len(ZONES)) for zone in ZONES}
    (first, _, _), (_, targets, _) = seats.values()
    for count in counts:
        router = side.cloud.call("network", "POST", "/routers", {"router": {"name": NAME}})["router"]["id"]
        subnets = [one for _, _, below in seats.values() for one in below[: count // len(ZONES)]]
        began = time.monotonic()
        for subnet in subnets:
            side.cloud.call("network", "PUT", f"/routers/{router}/add_router_interface", {"subnet_id": subnet})
        asked = time.monotonic() - began
        for address in targets[: count // len(ZONES)]:
            answered(first, address, 300)
        yield asked, time.monotonic() - began
        for subnet in subnets:
            side.cloud.call("network", "PUT", f"/routers/{router}/remove_router_interface", {"subnet_id": subnet})
        side.cloud.call("network", "DELETE", f"/routers/{router}")
        for inside in filter(None, insides.values()):
            until(partial(_at_rest, inside, router), 300, "the router is on no subnet")


def _at_rest(cloud: Cloud, router: str) -> bool:
    """What is left of it in a zone is a place for the next one: on the transit network alone."""
    owners = cloud.call("network", "GET", f"/routers?description=vregion:{router}&fields=id")["routers"]
    asked = "/ports?fields=id&device_owner=network:router_interface&device_id="
    return all(len(cloud.call("network", "GET", asked + one["id"])["ports"]) <= 1 for one in owners)


def _everywhere(side: Side, inside: Cloud | None, zone: str, count: int) -> tuple[str, list[str], list[str]]:
    """A server's namespace, its addresses, and the subnets that they are on; it leaves by the first one."""
    ports, subnets = [], []
    own, other = (100 + ZONES[name] for name in sorted(ZONES, key=lambda name: name != zone))
    for number in range(count):
        hint = {"availability_zone_hints": [zone]} if inside else {}
        network = side.cloud.network(f"{NAME}-{zone}-{number}", f"10.{own}.{number}.0/24", **hint)
        subnets.append(side.cloud.show("network", network)["subnets"][0])
        ports.append(side.cloud.make("port", network_id=network, port_security_enabled=False, name=NAME))
    there = side.runs(side.boot(f"wide-{zone}", [port["id"] for port in ports], zone), inside)
    addresses = [str(port["fixed_ips"][0]["ip_address"]) for port in ports]
    for address in addresses:
        assert probes.has_address(there, address), probes.addresses(there)
    probes.inside(there, "ip", "route", "replace", f"10.{other}.0.0/16", "via", f"10.{own}.0.1")
    return there, addresses, subnets


@contextmanager
def joined(rig: Rig) -> Iterator[None]:
    """The lab's regions are joined by the VLANs that they share."""
    words = [f"--member=cloud{region.number}={region.profile.vlan}" for region in known()]
    rig.vregion("interconnect", "add", "wan", *words, "--segments", "1100-1199", "--mtu", "1500")
    yield
    until(lambda: '"used": 0' in rig.vregion("interconnect", "show", "wan", "-f", "json"), 60, "the segments are free")
    rig.vregion("interconnect", "remove", "wan")


def answered(server: str, address: str, limit: float = 120) -> float:
    """Seconds until a ping from a server's namespace to an address is answered."""
    began = time.monotonic()
    assert probes.until(lambda: probes.inside(server, "ping", "-n", "-c1", "-W1", address)[0], limit, 0.05), address
    return time.monotonic() - began


def row(name: str, ours: object, theirs: object = "", times: object = "") -> None:
    print(f"| {name} | {ours} | {theirs} | {times} |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="bench.networks")
    parser.add_argument("--subnets", default="2,10,50")
    counts = [int(word) for word in parser.parse_args().subnets.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder), token_cache=Settings().token_cache_seconds)
        try:
            rig.start()
            with joined(rig):
                sides = Side(rig.tenant(), rig.inside("az1")), Side(rig.direct(1, ""), None)
                print("| | vregion | bare region | times |\n|---|---|---|---|")
                try:
                    networks = [side.cloud.network(NAME, "10.71.0.0/16") for side in sides]
                    pings(sides, networks)
                    converge(rig, sides, counts)
                    compare(sides, networks)
                finally:
                    for side in sides:
                        side.clear()
            print("".join(f"left: {line}\n" for line in rig.close()))
        finally:
            rig.stop()


def pings(sides: tuple[Side, Side], networks: list[str]) -> None:
    """What passes until a server answers: first of all, for the agents of a region are busy for long after a load."""
    both = [side.first_pings(network) for side, network in zip(sides, networks, strict=True)]
    first, second = (statistics.median(seconds) for seconds in both)
    name = f"from a port to its server's first ping, of {BOOTS}"
    row(name, f"{first:.1f} s", f"{second:.1f} s", f"{second / first:.2f}")


def compare(sides: tuple[Side, Side], networks: list[str]) -> None:
    """The rows of single calls."""
    compared = (
        (f"GET /v2.0/networks, {LISTED} of them", [side.listing() for side in sides]),
        ("POST /v2.0/ports", [side.ports(network) for side, network in zip(sides, networks, strict=True)]),
        ("PUT add_router_interface", [side.interfaces() for side in sides]),
    )
    for name, (figure, theirs) in compared:
        row(name, figure, theirs, f"{theirs.median / figure.median:.0f}")


def converge(rig: Rig, sides: tuple[Side, Side], counts: list[int]) -> None:
    """The rows about a router that gets subnets."""
    insides: tuple[dict[str, Cloud | None], ...] = ({zone: rig.inside(zone) for zone in ZONES}, dict.fromkeys(ZONES))
    both = [convergence(side, inside, counts) for side, inside in zip(sides, insides, strict=True)]
    for count, *figures in zip(counts, *both, strict=True):
        for what, ours, theirs in zip(("answered", "all are reached"), *figures, strict=True):
            row(f"a router gets {count} subnets: {what}", f"{ours:.1f} s", f"{theirs:.1f} s", f"{theirs / ours:.2f}")


if __name__ == "__main__":
    main()

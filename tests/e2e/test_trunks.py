"""A port that goes from server to server and from zone to zone, with its trunk and the trunk's sub-port, and packets.

Only on a lab with a data plane (`python -m lab up 2 --net`). A server that stays in az2 is asked from both zones: over
the port itself, and over a VLAN interface inside the server, which DHCP gives the sub-port's address.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e import packets
from tests.e2e.cloud import Cloud, until
from tests.e2e.packets import PINGS, SOON, boot, group, probes
from tests.e2e.rig import ROOT, ZONES
from tests.e2e.stage import Seat

pytestmark = [pytest.mark.lab, packets.needed, pytest.mark.usefixtures("wan", "strangers")]
TAG, INNER = 101, "vlan101"


@dataclass
class Line:
    """Two networks that span zones, a server in az2 on both, and a trunk whose parent and sub-port are on one each."""

    acme: Cloud
    inside: dict[str, Cloud]
    image: str
    opened: str
    networks: dict[str, str]
    anchor: Seat
    mover: Seat
    trunk: str

    def board(self, zone: str) -> None:
        """A new server in that zone has the parent port; its interface has the port's address by DHCP."""
        self.mover.zone = zone
        nics = [{"port": self.mover.ports["plain"]["id"]}]
        self.mover.server = boot(self.acme, self.image, f"mover-{zone}", zone, nics)
        self.mover.there = seated(self.acme, self.inside, self.mover.server, zone)
        assert probes.has_address(self.mover.there, self.mover.address("plain")), probes.addresses(self.mover.there)

    def leave(self) -> None:
        """The server ends; the port waits for the next one."""
        self.acme.drop("server", self.mover.server)
        self.acme.gone("server", self.mover.server)
        self.mover.server = ""

    def trunks(self, zone: str) -> Any:
        """The trunk as a zone has it."""
        cloud = self.inside[zone]
        return cloud.call("network", "GET", f"/trunks?description=vregion:{self.trunk}")["trunks"]

    def stale(self, zone: str) -> list[Any]:
        """What a zone still has of the ports and their trunk."""
        macs = [port["mac_address"] for port in self.mover.ports.values()]
        ports = [one for one in self.inside[zone].listed("port") if one["mac_address"] in macs]
        return ports + list(self.trunks(zone))

    def change(self, operation: str, *sub_ports: dict[str, Any]) -> None:
        self.acme.call("network", "PUT", f"/trunks/{self.trunk}/{operation}", {"sub_ports": list(sub_ports)})

    def wipe(self) -> None:
        for server in (one.server for one in (self.mover, self.anchor) if one.server):
            self.acme.drop("server", server)
            self.acme.gone("server", server)
        self.acme.call("network", "DELETE", f"/trunks/{self.trunk}")
        for port in self.acme.listed("port"):
            self.acme.drop("port", port["id"])
        for network in self.networks.values():
            self.acme.drop("network", network)
            self.acme.gone("network", network)
        self.acme.drop("security_group", self.opened)


def seated(acme: Cloud, inside: dict[str, Cloud], server: str, zone: str) -> str:
    """The server's id in its zone, once it runs."""
    name = acme.status("server", server, "ACTIVE", 240)["name"]
    (there,) = [one for one in inside[zone].listed("server") if one["name"] == name]
    return str(there["id"])


@pytest.fixture
def line(acme: Cloud, inside: dict[str, Cloud], image: str) -> Iterator[Line]:
    """The server that stays runs; the trunk is in no zone yet."""
    opened = group(acme, "line", *PINGS)
    networks = {
        "plain": acme.network("line-plain", "10.44.1.0/24"),
        "tagged": acme.network("line-tagged", "10.44.2.0/24"),
    }
    seats = Seat("az2"), Seat("")
    for which, network in networks.items():
        for seat in seats:
            seat.ports[which] = acme.make("port", network_id=network, security_groups=[opened])
    anchor, mover = seats
    sub_port = {"port_id": mover.ports["tagged"]["id"], "segmentation_type": "vlan", "segmentation_id": TAG}
    body = {"trunk": {"name": "line", "port_id": mover.ports["plain"]["id"], "sub_ports": [sub_port]}}
    trunk = acme.call("network", "POST", "/trunks", body)["trunk"]["id"]
    nics = [{"port": port["id"]} for port in anchor.ports.values()]
    anchor.server = boot(acme, image, "anchor", "az2", nics)
    made = Line(acme, inside, image, opened, networks, anchor, mover, trunk)
    try:
        anchor.there = seated(acme, inside, anchor.server, "az2")
        yield made
    finally:
        made.wipe()


@contextmanager
def vlan(mover: Seat) -> Iterator[None]:
    """The interface of the sub-port inside the server, with the address that DHCP gives."""
    program = [sys.executable, str(ROOT / "lab" / "network" / "vlan.py"), mover.device("plain"), str(TAG), INNER]
    words = ["ip", "netns", "exec", f"vm-{mover.there}", *program, mover.ports["tagged"]["mac_address"]]
    script = ROOT / "lab" / "plugins" / "nova_virt" / "udhcpc.sh"
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "ready\n"
            lease = ("busybox", "udhcpc", "-i", INNER, "-s", str(script), "-n", "-q", "-t", "30", "-T", "1")
            assert probes.inside(mover.there, *lease)[0]
            assert f" {mover.address('tagged')}/" in probes.addresses(mover.there)
            yield
        finally:
            running.terminate()


def test_a_port_and_its_trunk_go_from_zone_to_zone(line: Line) -> None:
    """Az1, then az2, then az1 again: the same addresses and MACs each time, nothing stale behind."""
    anchor, mover = line.anchor, line.mover
    for number, zone in enumerate(("az1", "az2", "az1")):
        line.board(zone)
        away = next(other for other in ZONES if other != zone)
        until(lambda z=away: not line.stale(z), 60, "the zone before has nothing of it")  # type: ignore[misc]
        assert mover.reaches(anchor.address("plain"), limit=90), "once its neighbour forgot where it was"
        with vlan(mover):
            assert mover.reaches(anchor.address("tagged"), "-I", INNER, limit=90), zone
            assert anchor.reaches(mover.address("tagged")), zone
            (there,) = line.trunks(zone)
            assert [one["segmentation_id"] for one in there["sub_ports"]] == [TAG]
            if number == 0:
                _without_and_with_its_sub_port(line)
        line.leave()
    kept = line.acme.show("port", mover.ports["plain"]["id"])
    assert [kept[name] == mover.ports["plain"][name] for name in ("mac_address", "fixed_ips")] == [True, True]


def _without_and_with_its_sub_port(line: Line) -> None:
    """It leaves the trunk and joins it again while the server runs."""
    anchor, mover = line.anchor, line.mover
    name = {"port_id": mover.ports["tagged"]["id"]}
    line.change("remove_subports", name)
    assert mover.loses(anchor.address("tagged"), "-I", INNER)
    assert mover.reaches(anchor.address("plain"), limit=SOON)
    line.change("add_subports", {**name, "segmentation_type": "vlan", "segmentation_id": TAG})
    assert mover.reaches(anchor.address("tagged"), "-I", INNER, limit=SOON)

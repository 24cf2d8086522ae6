"""A zone dies, or hangs: the other one does not notice, and nothing of the dead one is lost.

vregion gives a backend 20 seconds; the client here gives vregion five. Whoever waited for the dead zone would fail.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from lab.processes import session_pids
from tests.e2e.cloud import Cloud
from tests.e2e.rig import Rig
from tests.inventory import LAB_STATE

pytestmark = pytest.mark.lab
PATIENCE = 5.0


@dataclass
class Zones:
    """What there was before: a server and a volume in each zone, and a second server in az2; ids."""

    image: str
    servers: dict[str, str]
    volumes: dict[str, str]
    doomed: str

    def boot(self, acme: Cloud, zone: str, name: str) -> str:
        server = {"name": name, "flavorRef": "1", "imageRef": self.image, "networks": "none"}
        return str(acme.make("server", **server, availability_zone=zone)["id"])


@pytest.fixture(scope="module")
def zones(acme: Cloud, image: str) -> Iterator[Zones]:
    made = Zones(image, {}, {}, "")
    for zone in ("az1", "az2"):
        made.servers[zone] = made.boot(acme, zone, f"old-{zone}")
        made.volumes[zone] = acme.make("volume", size=1, name=f"old-{zone}", availability_zone=zone)["id"]
    made.doomed = made.boot(acme, "az2", "doomed")
    for server in (*made.servers.values(), made.doomed):
        acme.status("server", server, "ACTIVE")
    for volume in made.volumes.values():
        acme.status("volume", volume, "available")
    yield made
    for server in made.servers.values():
        acme.drop("server", server)
    for volume in made.volumes.values():
        acme.drop("volume", volume)


@contextmanager
def hanging(name: str) -> Iterator[None]:
    """A process of the lab takes connections and never answers."""
    pids = session_pids(int((LAB_STATE / "run" / f"{name}.pid").read_text()))
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def lives_on(hasty: Cloud, zones: Zones) -> None:
    """What the tenant sees and does while az2 is silent."""
    old = {s["name"]: s["status"] for s in hasty.listed("server") if s["name"] != "waiting"}
    assert old == {"old-az1": "ACTIVE", "old-az2": "ACTIVE", "doomed": "ACTIVE"}
    assert hasty.show("server", zones.servers["az2"])["status"] == "ACTIVE"
    assert {v["name"]: v["status"] for v in hasty.listed("volume")} == {"old-az1": "available", "old-az2": "available"}
    assert hasty.call("compute", "GET", "/limits")["limits"]["absolute"]["totalInstancesUsed"] >= len(old)
    fresh = zones.boot(hasty, "az1", "fresh")
    hasty.status("server", fresh, "ACTIVE", 60)
    hasty.act(fresh, "reboot", {"type": "HARD"})
    hasty.status("server", fresh, "ACTIVE", 60)
    hasty.drop("server", fresh)
    hasty.gone("server", fresh)


def test_a_hanging_zone_holds_nobody_up(rig: Rig, acme: Cloud, zones: Zones, inside: dict[str, Cloud]) -> None:
    hasty = rig.tenant(timeout=PATIENCE)
    with hanging("r2-nova-api"):
        waiting = [zones.boot(hasty, "az2", "waiting") for _ in range(3)]
        lives_on(hasty, zones)
        assert {hasty.show("server", server)["status"] for server in waiting} == {"BUILD"}
        hasty.drop("server", waiting[0])
    acme.gone("server", waiting[0], 120)
    for server in waiting[1:]:
        acme.status("server", server, "ACTIVE", 120)
    assert sorted(s["name"] for s in inside["az2"].listed("server")) == ["doomed", "old-az2", "waiting", "waiting"]
    for server in waiting[1:]:
        acme.drop("server", server)
        acme.gone("server", server)


def test_a_dead_zone_holds_nobody_up_and_loses_nothing(
    rig: Rig, acme: Cloud, zones: Zones, inside: dict[str, Cloud]
) -> None:
    hasty = rig.tenant(timeout=PATIENCE)
    with rig.dead(2):
        lives_on(hasty, zones)
        answer = hasty.send("compute", "POST", f"/servers/{zones.servers['az2']}/action", {"reboot": {"type": "SOFT"}})
        assert answer.status_code == 503
        assert "az2" in answer.text
        later = zones.boot(hasty, "az2", "later")
        assert hasty.show("server", later)["status"] == "BUILD"
        hasty.drop("server", zones.doomed)
        assert hasty.show("server", zones.doomed)["OS-EXT-STS:task_state"] == "deleting"
        assert hasty.show("server", zones.servers["az2"])["status"] == "ACTIVE"
    acme.status("server", later, "ACTIVE", 120)
    acme.gone("server", zones.doomed, 120)
    assert {s["name"] for s in inside["az2"].listed("server")} == {"old-az2", "later"}
    acme.act(zones.servers["az2"], "reboot", {"type": "HARD"})
    acme.status("server", zones.servers["az2"], "ACTIVE")
    acme.drop("server", later)
    acme.gone("server", later)

"""vregion is killed at random moments of a create or a delete, and always ends with exactly what the tenant asked for.

Each seed makes a server with a network, a subnet, a port and a keypair of its own, and takes all of it away again, with
one crash in each half. VREGION_E2E_SEEDS says how many seeds; a failing one can be repeated by its number.
"""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from tests.e2e.cloud import PLACES, Cloud, until
from tests.e2e.conftest import left, sweep
from tests.e2e.rig import Rig

pytestmark = pytest.mark.lab
SEEDS = int(os.environ.get("VREGION_E2E_SEEDS", "6"))
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDFyYW5kb21rZXlmb3J0ZXN0c29mdnJlZ2lvbjEyMzQ1 seed"
CUT_OFF = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)  # before and within an answer
LONGEST = 4.0  # seconds; a boot and a delete take some three


@dataclass
class Script:
    """The tenant's side: he asks for one thing after the other, and goes on where the crash cut him off."""

    cloud: Cloud
    name: str
    zone: str
    image: str
    ids: dict[str, str] = field(default_factory=dict)

    def create(self) -> None:
        """Whatever is not there yet, in order."""
        self._once("keypair", name=self.name, public_key=KEY)
        self._once("network", name=self.name)
        network = self.ids["network"]
        self._once("subnet", name=self.name, network_id=network, ip_version=4, cidr="10.60.0.0/24")
        self._once("port", name=self.name, network_id=network)
        server = {"flavorRef": "1", "imageRef": self.image, "networks": [{"port": self.ids["port"]}]}
        self._once("server", name=self.name, key_name=self.name, availability_zone=self.zone, **server)

    def delete(self) -> None:
        """Whatever is still there, in order; a port waits until its server has let go."""
        for noun in ("server", "port", "subnet", "network", "keypair"):
            for thing in self._there(noun):
                service, path = PLACES[noun]
                answer = self.cloud.send(service, "DELETE", f"{path}/{thing.get('id', self.name)}")
                assert answer.status_code in (202, 204, 404), answer.text  # 404: gone since it was listed
            if noun == "server":
                self.cloud.gone(noun, self.ids[noun])

    def _once(self, noun: str, **fields: Any) -> None:
        there = self._there(noun)
        assert len(there) <= 1, f"{noun} twice"
        made = there[0] if there else self.cloud.make(noun, **fields)
        self.ids[noun] = made.get("id", self.name)

    def _there(self, noun: str) -> list[Any]:
        return [thing for thing in self.cloud.listed(noun) if thing["name"] == self.name]


def crashing(rig: Rig, what: Callable[[], None], moment: float) -> None:
    """Do it, crash after so many seconds, restart, and do what is left of it."""

    def until_the_crash() -> None:
        try:
            what()
        except (requests.RequestException, AssertionError) as cut:
            trouble.append(cut)

    trouble: list[BaseException] = []
    actor = threading.Thread(target=until_the_crash)
    actor.start()
    time.sleep(moment)
    rig.end(signal.SIGKILL)
    actor.join()
    assert all(isinstance(cut, CUT_OFF) for cut in trouble), trouble
    rig.serve()
    what()


@pytest.fixture(autouse=True)
def swept(acme: Cloud) -> Iterator[None]:
    """A seed that failed leaves nothing to the next one."""
    yield
    sweep(acme, keep=("image",))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_crash_at_any_moment(rig: Rig, acme: Cloud, inside: dict[str, Cloud], image: str, seed: int) -> None:
    chance = random.Random(seed)
    zone = chance.choice(["az1", "az2"])
    script = Script(acme, f"seed{seed}", zone, image)
    crashing(rig, script.create, chance.uniform(0, LONGEST))
    acme.status("server", script.ids["server"], "ACTIVE")
    made = [item for item in left(inside[zone]) if item[0] not in ("image", "security_group")]
    assert sorted(noun for noun, _, _ in made) == ["network", "port", "server", "subnet"]
    assert usage(acme) == {"totalInstancesUsed": 1, "totalCoresUsed": 1, "totalRAMUsed": 512, "port": 1, "network": 1}
    crashing(rig, script.delete, chance.uniform(0, LONGEST))
    assert set(usage(acme).values()) == {0}
    until(lambda: not [item for item in left(inside[zone]) if item[0] not in ("image", "security_group")])


def usage(cloud: Cloud) -> dict[str, int]:
    """What is counted of each of these."""
    compute = cloud.call("compute", "GET", "/limits")["limits"]["absolute"]
    network = cloud.call("network", "GET", f"/quotas/{cloud.project_id}/details.json")["quota"]
    counted = {name: compute[name] for name in ("totalInstancesUsed", "totalCoresUsed", "totalRAMUsed")}
    return counted | {name: network[name]["used"] for name in ("port", "network")}

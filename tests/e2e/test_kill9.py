"""vregion is killed at random moments of a create or a delete, and always ends with exactly what the tenant asked for.

Each seed makes a server with a network, a subnet, a port and a keypair of its own, and takes all of it away again, with
one crash in each half. Four seeds go through the same two crashes, each at a moment of its own. VREGION_E2E_SEEDS says
how many there are; those of a round that fails can be repeated by its number.
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from tests.e2e.cloud import PLACES, Cloud, until
from tests.e2e.conftest import left, sweep
from tests.e2e.rig import Rig

pytestmark = pytest.mark.lab
SEEDS = int(os.environ.get("VREGION_E2E_SEEDS", "12"))
TOGETHER = 4
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDFyYW5kb21rZXlmb3J0ZXN0c29mdnJlZ2lvbjEyMzQ1 seed"
WHOLE = ("network", "port", "server", "subnet")
USED = {"totalInstancesUsed": 1, "totalCoresUsed": 1, "totalRAMUsed": 512, "port": 1, "network": 1}
CUT_OFF = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)  # before and within an answer
LONGEST = 8.0  # seconds; four boots or deletes at once take some six


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


def crashing(rig: Rig, moments: dict[Callable[[], None], float]) -> None:
    """Do these, crash when each has gone on for so many seconds, restart, and do what is left of them."""

    def until_the_crash(what: Callable[[], None]) -> None:
        time.sleep(LONGEST - moments[what])
        try:
            what()
        except (requests.RequestException, AssertionError) as cut:
            trouble.append(cut)

    trouble: list[BaseException] = []
    actors = [threading.Thread(target=until_the_crash, args=(what,)) for what in moments]
    for actor in actors:
        actor.start()
    time.sleep(LONGEST)
    rig.end(signal.SIGKILL)
    for actor in actors:
        actor.join()
    assert all(isinstance(cut, CUT_OFF) for cut in trouble), trouble
    rig.serve()
    with ThreadPoolExecutor(len(moments)) as pool:
        list(pool.map(lambda what: what(), moments))


@pytest.fixture(autouse=True)
def swept(acme: Cloud) -> Iterator[None]:
    """A seed that failed leaves nothing to the next one."""
    yield
    sweep(acme, keep=("image",))


@pytest.mark.parametrize("first", range(0, SEEDS, TOGETHER))
def test_a_crash_at_any_moment(rig: Rig, acme: Cloud, inside: dict[str, Cloud], image: str, first: int) -> None:
    chances = {seed: random.Random(seed) for seed in range(first, first + TOGETHER)}
    scripts = {seed: Script(acme, f"seed{seed}", chances[seed].choice(["az1", "az2"]), image) for seed in chances}
    crashing(rig, {script.create: chances[seed].uniform(0, LONGEST) for seed, script in scripts.items()})
    for script in scripts.values():
        acme.status("server", script.ids["server"], "ACTIVE")
    for zone, cloud in inside.items():
        mine = Counter(script.zone for script in scripts.values())[zone]
        assert Counter(noun for noun, _, _ in there(cloud)) == Counter(WHOLE * mine)
    assert usage(acme) == {name: TOGETHER * each for name, each in USED.items()}
    crashing(rig, {script.delete: chances[seed].uniform(0, LONGEST) for seed, script in scripts.items()})
    assert set(usage(acme).values()) == {0}
    until(lambda: not any(there(cloud) for cloud in inside.values()))


def there(cloud: Cloud) -> list[Any]:
    """What a zone has, aside from what servers share."""
    return [item for item in left(cloud) if item[0] not in ("image", "security_group")]


def usage(cloud: Cloud) -> dict[str, int]:
    """What is counted of each of these."""
    compute = cloud.call("compute", "GET", "/limits")["limits"]["absolute"]
    network = cloud.call("network", "GET", f"/quotas/{cloud.project_id}/details.json")["quota"]
    counted = {name: compute[name] for name in ("totalInstancesUsed", "totalCoresUsed", "totalRAMUsed")}
    return counted | {name: network[name]["used"] for name in ("port", "network")}

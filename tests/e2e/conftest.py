"""One rig for all end-to-end tests, and the proof after each file that nothing of it is left.

`acme` is the tenant's administrator by HTTP, `inside` the regions' administrators in acme's projects there. When the
last test is over the tenants are closed with the provider's CLI, and each region holds what it held before.
"""

import json
import time
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any

import pytest

from lab.regions import known
from tests.e2e import packets
from tests.e2e.cloud import PLACES, Cloud, until
from tests.e2e.rig import ZONES, Rig
from tests.e2e.strangers import Strangers, settle

SWEPT = ("server", "snapshot", "volume", "port", "network", "security_group", "keypair", "server_group", "image")
DEFAULT = ("default", "vregion-default")  # as a region names it, and as vregion names a tenant's in a region


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """vregion over the lab, with the tenant acme; afterwards the regions hold what they held before."""
    started = Rig(tmp_path_factory.mktemp("rig"))
    try:
        yield started.start()
        assert not started.close()
    finally:
        started.stop()


@pytest.fixture(scope="session")
def acme(rig: Rig) -> Cloud:
    """The tenant's administrator by plain HTTP."""
    return rig.tenant()


@pytest.fixture(scope="session")
def inside(rig: Rig) -> dict[str, Cloud]:
    """Zone -> the region's own administrator in acme's project there."""
    return {zone: rig.inside(zone) for zone in ZONES}


@pytest.fixture(scope="module")
def image(acme: Cloud) -> Iterator[str]:
    """An image of 192 KiB, uploaded through vregion."""
    made = acme.image("e2e-image", bytes(range(256)) * 768)
    yield made
    acme.drop("image", made)
    acme.gone("image", made)


@pytest.fixture(scope="module")
def wan(rig: Rig) -> Iterator[None]:
    """The provider joins the lab's regions by the VLANs that they share; afterwards nothing is carried."""
    words = [f"--member=cloud{region.number}={region.profile.vlan}" for region in known()]
    rig.vregion("interconnect", "add", "wan", *words, "--segments", "1100-1109", "--mtu", str(packets.MTU))
    yield

    def carries_nothing() -> bool:
        return bool(json.loads(rig.vregion("interconnect", "show", "wan", "-f", "json"))["segments"]["used"] == 0)

    until(carries_nothing, 60, "the segments are free")
    rig.vregion("interconnect", "remove", "wan")


@pytest.fixture(scope="module", autouse=True)
def nothing_left(rig: Rig, acme: Cloud, inside: dict[str, Cloud]) -> Iterator[None]:
    """After each file: nothing in the virtual region, no usage counted, nothing in the projects behind it.

    What a failed test left is swept away after that, so that the next file is not blamed for it.
    """
    yield
    try:
        empty(lambda: [*left(acme), *used(acme).items()])
        for cloud in inside.values():
            empty(partial(left, cloud))
    finally:
        sweep(acme)


@pytest.fixture(scope="module")
def strangers(inside: dict[str, Cloud]) -> Iterator[dict[str, Strangers]]:
    """In both zones somebody else's things stand beside ours; after the file's tests they are as they were."""
    found = {zone: settle(cloud) for zone, cloud in inside.items()}
    before = {zone: some.seen() for zone, some in found.items()}
    yield found
    try:
        assert {zone: some.seen() for zone, some in found.items()} == before
    finally:
        for some in found.values():
            some.end()


def empty(what: Callable[[], list[Any]], seconds: float = 60) -> None:
    """Wait until there is nothing; an assertion that shows what there is."""
    end = time.monotonic() + seconds
    while what() and time.monotonic() < end:
        time.sleep(0.5)
    assert not what()


def sweep(cloud: Cloud, keep: Collection[str] = ()) -> None:
    """Delete all that there is, each kind after those that need it."""
    found = left(cloud)
    for noun in [noun for noun in SWEPT if noun not in keep]:
        for _, name, label in [one for one in found if one[0] == noun]:
            service, path = PLACES[noun]
            cloud.send(service, "DELETE", f"{path}/{name or label}")
            cloud.gone(noun, str(name or label))


def left(cloud: Cloud) -> list[Any]:
    """What a project holds, of every kind, aside from default groups: those last as long as the project."""
    found = []
    for noun in PLACES:
        for item in cloud.listed(noun):
            owner = item.get("project_id", item.get("owner", cloud.project_id))  # '' of a port that is a service's
            if owner == cloud.project_id and not (noun == "security_group" and item["name"] in DEFAULT):
                found.append((noun, item.get("id"), item["name"]))
    return found


def used(cloud: Cloud) -> dict[str, int]:
    """What vregion counts as used by the project, where it is not nothing."""
    compute = cloud.call("compute", "GET", "/limits")["limits"]["absolute"]
    volume = cloud.call("volume", "GET", "/limits")["limits"]["absolute"]
    counted = {k: v for k, v in {**compute, **volume}.items() if k.startswith("total") and k.endswith("Used") and v}
    network = cloud.call("network", "GET", f"/quotas/{cloud.project_id}/details.json")["quota"]
    counted |= {k: v["used"] for k, v in network.items() if v["used"] and not k.startswith("security_group")}
    return counted

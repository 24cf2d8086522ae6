"""The five calls, for every kind that a driver has: the contract's MUSTs, word by word."""

import itertools
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.drivers.bench import PUBLIC_KEY, Bench, Ground
from vregion.drivers.contract import Driver, Gone, Permanent
from vregion.model.resource import Kind

pytestmark = pytest.mark.asyncio(loop_scope="module")
_number = itertools.count(1)


def subnet(ground: Ground) -> dict[str, Any]:
    """No two subnets of a network may overlap."""
    cidr = f"10.92.{next(_number) % 250}.0/24"
    return {"name": "suite", "network_id": ground.network, "ip_version": 4, "cidr": cidr}


BODIES: dict[Kind, Callable[[Ground], dict[str, Any]]] = {
    Kind.NETWORK: lambda ground: {"name": "suite", "admin_state_up": True},
    Kind.SUBNET: subnet,
    Kind.PORT: lambda ground: {"name": "suite", "network_id": ground.network, "dns_name": "suite"},
    Kind.SECURITY_GROUP: lambda ground: {"name": "suite"},
    Kind.ADDRESS_GROUP: lambda ground: {"name": "suite", "addresses": ["10.93.0.0/16", "fd00:93::/64"]},
    Kind.ROUTER: lambda ground: {"name": "suite", "admin_state_up": True},
    Kind.KEYPAIR: lambda ground: {"name": "suite key@x.y", "type": "ssh", "public_key": PUBLIC_KEY},
    Kind.SERVER_GROUP: lambda ground: {"name": "suite", "policy": "anti-affinity"},
    Kind.IMAGE: lambda ground: {"name": "suite", "disk_format": "raw", "container_format": "bare", "os_distro": "x"},
    Kind.VOLUME: lambda ground: {"name": "suite", "size": 1, "metadata": {"a": "b"}},
    Kind.SERVER: lambda ground: ground.server(metadata={"a": "b"}, tags=["blue"]),
}
CHANGES: dict[Kind, dict[str, Any]] = {
    Kind.NETWORK: {"name": "other", "admin_state_up": False},
    Kind.SUBNET: {"name": "other", "dns_nameservers": ["192.0.2.1"]},
    Kind.PORT: {"name": "other", "admin_state_up": False, "dns_name": "other"},
    Kind.SECURITY_GROUP: {"name": "other"},
    Kind.ADDRESS_GROUP: {"name": "other", "addresses": ["10.94.0.0/16"]},
    Kind.ROUTER: {"name": "other", "admin_state_up": False},
    Kind.IMAGE: {"name": "other", "os_distro": "y", "tags": ["t"]},
    Kind.VOLUME: {"name": "other", "metadata": {"c": "d"}},
    Kind.SERVER: {"name": "other", "metadata": {"c": "d"}, "tags": ["green", "red"]},
}
BAD: dict[Kind, dict[str, Any]] = {
    Kind.SUBNET: {"network_id": str(uuid.uuid4())},
    Kind.PORT: {"network_id": str(uuid.uuid4())},
    Kind.VOLUME: {"imageRef": str(uuid.uuid4())},
    Kind.SERVER: {"imageRef": str(uuid.uuid4())},
}
each_kind = pytest.mark.parametrize("kind", BODIES, ids=str)


@each_kind
async def test_life(kind: Kind, bench: Bench, ground: Ground, driver: Driver) -> None:
    """Created, found by its own mark beside one that is just like it, changed twice to the same, deleted twice."""
    things, mark = driver.collections[kind], str(uuid.uuid4())
    assert await things.find(mark) is None
    made = await bench.ready(kind, BODIES[kind](ground), mark)
    twin = await bench.ready(kind, BODIES[kind](ground))
    found = await things.find(mark)
    assert found is not None
    assert found.external_id == made.external_id != twin.external_id
    assert (await things.get(made.external_id)).external_id == made.external_id
    if kind in CHANGES:
        for _ in range(2):
            changed = await things.update(made.external_id, CHANGES[kind])
            assert shown(changed.document, CHANGES[kind]) == CHANGES[kind]
        still = await things.find(mark)
        assert still is not None, "an update lost the mark"
        assert still.external_id == made.external_id
    await things.delete(made.external_id)
    await bench.gone(kind, made.external_id)
    await things.delete(made.external_id)
    assert await things.find(mark) is None
    assert (await things.get(twin.external_id)).external_id == twin.external_id


@each_kind
async def test_what_was_sent_is_shown(kind: Kind, bench: Bench, ground: Ground) -> None:
    """The document has the fields as they were sent, and the mark is not among what the tenant would see."""
    body = {k: v for k, v in BODIES[kind](ground).items() if k not in ("flavorRef", "imageRef", "networks")}
    made = await bench.ready(kind, BODIES[kind](ground))
    if kind in (Kind.KEYPAIR, Kind.SERVER_GROUP):
        assert made.document["name"].startswith(body.pop("name") + "_")
    if kind is Kind.SUBNET:
        body.pop("cidr")
    assert shown(made.document, body) == body


@each_kind
async def test_an_unknown_id_is_gone(kind: Kind, driver: Driver) -> None:
    """And deleting it is fine."""
    unknown = str(uuid.uuid4())
    with pytest.raises(Gone):
        await driver.collections[kind].get(unknown)
    await driver.collections[kind].delete(unknown)
    if kind in CHANGES:
        with pytest.raises(Gone):
            await driver.collections[kind].update(unknown, CHANGES[kind])


@pytest.mark.parametrize("kind", BAD, ids=str)
async def test_a_bad_reference_is_refused(kind: Kind, ground: Ground, driver: Driver) -> None:
    """For good, with the backend's words, and nothing is left."""
    mark = str(uuid.uuid4())
    with pytest.raises(Permanent) as refusal:
        await driver.collections[kind].create(mark, BODIES[kind](ground) | BAD[kind])
    assert 400 <= refusal.value.status < 500
    assert refusal.value.message
    assert await driver.collections[kind].find(mark) is None


async def test_a_snapshot_of_a_volume(bench: Bench, driver: Driver) -> None:
    """Snapshots need a volume, and a volume with snapshots does not go yet."""
    volume = await bench.ready(Kind.VOLUME, {"name": "suite", "size": 1})
    mark = str(uuid.uuid4())
    body = {"name": "suite", "volume_id": volume.external_id, "metadata": {"a": "b"}}
    made = await bench.ready(Kind.SNAPSHOT, body, mark)
    assert made.document["metadata"] == {"a": "b"}
    for _ in range(2):
        changed = await driver.collections[Kind.SNAPSHOT].update(
            made.external_id, {"name": "other", "metadata": {"c": "d"}}
        )
        assert (changed.document["name"], changed.document["metadata"]) == ("other", {"c": "d"})
    found = await driver.collections[Kind.SNAPSHOT].find(mark)
    assert found is not None
    assert found.external_id == made.external_id


async def test_a_volume_grows(bench: Bench, driver: Driver) -> None:
    """By its size in an update."""
    volume = await bench.ready(Kind.VOLUME, {"name": "suite", "size": 1})
    for _ in range(2):
        await driver.collections[Kind.VOLUME].update(volume.external_id, {"size": 2})
        seen = await bench.settled(Kind.VOLUME, volume.external_id)
        assert seen.document["size"] == 2


def shown(document: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """The document's part that the body speaks of."""
    return {key: document.get(key) for key in body}

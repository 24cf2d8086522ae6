"""What only OpenStack has of single resources, on the lab: pages, foreign rules, things in use, words of failures."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.drivers.bench import PUBLIC_KEY, Bench
from tests.drivers.conftest import LAB_REGION, lab_access
from vregion.drivers.contract import DriverError, Permanent, Transient
from vregion.drivers.openstack import OpenStackDriver
from vregion.drivers.openstack.address_groups import AddressGroups, Members
from vregion.drivers.openstack.security_groups import SecurityGroups
from vregion.drivers.openstack.volumes import Volumes
from vregion.model.resource import Kind

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module")]


async def test_users_of_a_thing_delay_its_end(lab_driver: OpenStackDriver, lab_bench: Bench) -> None:
    """A network with a port, a group in use, a volume with a snapshot: deleting them is to be tried again."""
    network = await lab_bench.make(Kind.NETWORK, {"name": "suite"})
    group = await lab_bench.make(Kind.SECURITY_GROUP, {"name": "suite"})
    port = {"network_id": network.external_id, "security_groups": [group.external_id]}
    await lab_bench.make(Kind.PORT, port)
    volume = await lab_bench.ready(Kind.VOLUME, {"name": "suite", "size": 1})
    await lab_bench.ready(Kind.SNAPSHOT, {"name": "suite", "volume_id": volume.external_id})
    for kind, thing in ((Kind.NETWORK, network), (Kind.SECURITY_GROUP, group), (Kind.VOLUME, volume)):
        with pytest.raises(Transient):
            await lab_driver.collections[kind].delete(thing.external_id)


async def test_foreign_rules_are_not_touched(lab_driver: OpenStackDriver, lab_bench: Bench) -> None:
    """A rule with somebody's description stays when the group's rules change."""
    group = await lab_bench.make(Kind.SECURITY_GROUP, {"name": "suite"})
    foreign = {
        "security_group_id": group.external_id,
        "direction": "ingress",
        "ethertype": "IPv4",
        "protocol": "vrrp",
        "description": "the provider's",
    }
    rule = (await lab_driver.network.send("POST", "/security-group-rules", {"security_group_rule": foreign})).part(
        "security_group_rule"
    )
    body = {"name": "suite", "security_group_rules": []}
    seen = await lab_driver.collections[Kind.SECURITY_GROUP].update(group.external_id, body)
    assert [one["id"] for one in seen.document["security_group_rules"]] == [rule["id"]]


async def test_without_address_groups_a_rule_has_each_prefix(
    lab_driver: OpenStackDriver, lab_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on an older Neutron: the group is there by name only, and needs nothing to go."""
    lacking = Members(lab_driver.network)
    monkeypatch.setattr(lacking, "_there", False)
    named, groups = AddressGroups(lab_driver.network), SecurityGroups(lab_driver.network)
    monkeypatch.setattr(named, "_members", lacking)
    monkeypatch.setattr(groups, "_elsewhere", lacking)
    made = await named.create("mark", {"name": "suite", "addresses": ["10.1.0.0/16"]})
    assert (await named.get(made.external_id)).settled
    assert await named.find("mark") is None
    group = await lab_bench.make(Kind.SECURITY_GROUP, {"name": "suite"})
    rule = {"direction": "ingress", "ethertype": "IPv4", "remote_address_group_id": made.external_id}
    addresses = {made.external_id: ["10.1.0.0/16", "10.2.0.0/16", "fd00::/64"]}
    body = {"name": "suite", "address_groups": addresses, "security_group_rules": [rule]}
    seen = await groups.update(group.external_id, body)
    prefixes = sorted(one["remote_ip_prefix"] for one in seen.document["security_group_rules"])
    assert prefixes == ["10.1.0.0/16", "10.2.0.0/16"]
    await named.delete(made.external_id)


async def test_how_an_encrypted_volume_is_encrypted_is_asked(
    lab_driver: OpenStackDriver, lab_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lab has no keys: a plain volume, said to be encrypted, shows that Cinder is asked."""
    volume = (await lab_bench.ready(Kind.VOLUME, {"name": "suite", "size": 1})).external_id
    assert "encryption" not in (await lab_driver.collections[Kind.VOLUME].get(volume)).document
    asked = Volumes.raw

    async def encrypted(self: Volumes, external_id: str) -> dict[str, Any]:
        return await asked(self, external_id) | {"encrypted": True}

    monkeypatch.setattr(Volumes, "raw", encrypted)
    seen = await lab_driver.collections[Kind.VOLUME].get(volume)
    assert seen.document["encryption"] == {"encryption_key_id": None}


async def test_a_volume_that_fails_says_why(lab_driver: OpenStackDriver, lab_bench: Bench) -> None:
    """Cinder's user message, which is not in the volume."""
    volume = await lab_bench.make(Kind.VOLUME, {"name": "suite", "size": 1_000_000})
    seen = await lab_bench.settled(Kind.VOLUME, volume.external_id)
    assert seen.failed is not None
    assert "schedule allocate volume" in seen.failed


async def test_a_listing_of_many_pages(
    lab_driver: OpenStackDriver, lab_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every service's way of naming a next page is followed to the end."""
    monkeypatch.setattr("vregion.drivers.openstack.collection._PAGE", "2")
    monkeypatch.setattr("vregion.drivers.openstack.server_groups._PAGE", 2)
    bodies: dict[Kind, dict[str, Any]] = {
        Kind.NETWORK: {"name": "suite"},
        Kind.VOLUME: {"name": "suite", "size": 1},
        Kind.IMAGE: {"name": "suite"},
        Kind.KEYPAIR: {"name": "suite", "type": "ssh", "public_key": PUBLIC_KEY},
        Kind.SERVER_GROUP: {"name": "suite", "policy": "affinity"},
    }
    for kind, body in bodies.items():
        made = {(await lab_bench.make(kind, body)).external_id for _ in range(5)}
        resources = lab_driver._of(kind)
        listed = [resources.identity(one) async for _, page in resources.pages() for one in page]
        assert made <= set(listed)
        assert len(listed) == len(set(listed))


async def test_a_source_that_stands_still_is_given_up(lab_bench: Bench) -> None:
    """An upload lasts as long as it moves, and no longer; the image takes the next one."""
    backend, credential = lab_access(LAB_REGION)
    hasty = OpenStackDriver(backend, credential, timeout=2.0)

    async def stuck() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(60)
        yield b"y"

    image = await lab_bench.make(Kind.IMAGE, {"name": "suite", "disk_format": "raw", "container_format": "bare"})
    try:
        with pytest.raises(Transient, match="stands still"):
            await hasty.upload(image.external_id, stuck(), None)
        assert (await hasty.collections[Kind.IMAGE].get(image.external_id)).document["status"] == "queued"
    finally:
        await hasty.close()


async def test_refusals_are_permanent(lab_driver: OpenStackDriver) -> None:
    """The words are the service's; a credential that only reads cannot write."""
    reader = OpenStackDriver(*lab_access(f"{LAB_REGION}-reader"))
    try:
        for kind, body in ((Kind.NETWORK, {"name": "x"}), (Kind.VOLUME, {"size": 1}), (Kind.IMAGE, {"name": "x"})):
            with pytest.raises(DriverError) as refusal:
                await reader.collections[kind].create(str(uuid.uuid4()), body)
            assert type(refusal.value) is Permanent
            assert refusal.value.status == 403
    finally:
        await reader.close()

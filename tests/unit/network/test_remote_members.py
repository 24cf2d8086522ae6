"""Security groups over two joined clouds: a member of a remote group in one zone is an address in the other."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from tests.postgresql import database_url as database_url
from tests.postgresql import postgresql as postgresql
from tests.postgresql import postgresql_url as postgresql_url
from tests.reconcile.world import World
from tests.unit.network.network_rows import CIDR, NOW, SLAAC, caller, network, subnet
from vregion.model.backend import Binding
from vregion.model.interconnect import Join
from vregion.model.resource import Kind, Resource
from vregion.reconcile.recipes import RECIPES
from vregion.region import ports, realizations, resources, security_groups
from vregion.region.regions import Regions, Transaction

WHO = caller("project")
JOINS = (Join("wan", 1500, frozenset({"az1", "az2"})),)


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, RECIPES) as made:
        made.joined.join()
        yield made


async def group(tx: Transaction, name: str, remote: str | None = None, ethertype: str = "IPv4") -> Resource:
    made = await security_groups.create(tx, WHO, {"name": name, "stateful": True}, NOW)
    rule = {"security_group_id": made.id, "direction": "ingress", "ethertype": ethertype, "remote_group_id": remote}
    await security_groups.create_rules(tx, WHO, [rule], NOW)
    return made


async def plug(world: World, on: Resource, backend_id: str, server: str, *groups: str) -> Resource:
    async with world.region.write() as tx:
        bound = world.binding(backend_id)
        port = await ports.plug(tx, WHO, {"uuid": on.id}, server, WHO.project_id, bound, list(groups), NOW)
    await world.turn()
    return port


def let_in(world: World, backend_id: str, name: str) -> list[str]:
    """Addresses that the group's rules in that cloud let in by address."""
    cloud = world.clouds[backend_id]
    (found,) = [row.document for row in cloud.of(Kind.SECURITY_GROUP) if row.document["name"] == name]
    told = []
    for rule in found["security_group_rules"]:
        if rule["remote_address_group_id"]:
            told += cloud.address_groups[rule["remote_address_group_id"].removeprefix("members of ")]
    return sorted(told)


def addresses(*members: Resource) -> list[str]:
    texts = [ip["ip_address"] for port in members for ip in port.spec["fixed_ips"]]
    return sorted(text + ("/128" if ":" in text else "/32") for text in texts)


async def test_members_come_and_go_in_the_other_zone(world: World) -> None:
    async with world.region.write() as tx:
        on = await network(tx, WHO)
        await subnet(tx, WHO, on, **CIDR)
        front = await group(tx, "front")
        back = await group(tx, "back", front.id)
    await plug(world, on, "b2", "s-back", back.id)
    assert let_in(world, "b2", "back") == []
    one = await plug(world, on, "b1", "s1", front.id)
    assert let_in(world, "b2", "back") == addresses(one)
    two = await plug(world, on, "b1", "s2", front.id)
    await plug(world, on, "b2", "s3", front.id)  # a member here is one by its group
    assert let_in(world, "b2", "back") == addresses(one, two)
    async with world.region.write() as tx:
        await ports.update(tx, WHO, two.id, {"security_groups": []}, None, NOW)
    await world.turn()
    assert let_in(world, "b2", "back") == addresses(one)
    async with world.region.write() as tx:
        pair = [{"ip_address": "10.9.0.0/24"}]
        await ports.update(tx, WHO, one.id, {"allowed_address_pairs": pair}, None, NOW)
    await world.turn()
    assert let_in(world, "b2", "back") == sorted([*addresses(one), "10.9.0.0/24"])
    async with world.region.write() as tx:
        await ports.unplug(tx, await resources.get(tx, Kind.PORT, one.id), NOW)
    await world.turn()
    assert let_in(world, "b2", "back") == []


async def test_a_group_that_names_itself_over_both_versions(world: World) -> None:
    """The default group: its members in each zone let in those of the other one."""
    async with world.region.write() as tx:
        on = await network(tx, WHO)
        await subnet(tx, WHO, on, **CIDR)
        await subnet(tx, WHO, on, **SLAAC)
    one = await plug(world, on, "b1", "s1")
    two = await plug(world, on, "b2", "s2")
    told = let_in(world, "b1", "vregion-default")
    assert sorted(set(told)) == addresses(two)
    assert sorted(set(let_in(world, "b2", "vregion-default"))) == addresses(one)
    rules = [row.document for row in world.clouds["b1"].of(Kind.SECURITY_GROUP)][-1]["security_group_rules"]
    assert len([rule for rule in rules if rule["remote_group_id"]]) == 2  # they never went


async def test_a_group_in_one_zone_is_not_told_anything(world: World) -> None:
    async with world.region.write() as tx:
        on = await network(tx, WHO)
        await subnet(tx, WHO, on, **CIDR)
    await plug(world, on, "b1", "s1")
    await plug(world, on, "b1", "s2")
    assert world.cloud.address_groups == {}


async def test_which_groups_follow_a_port_and_that_no_step_is_lost(tmp_path: Path, database_url: str) -> None:
    """On both databases: only groups that are elsewhere too are due, each change counts, foreign groups stay."""
    regions = Regions(database_url, tmp_path)
    await regions.prepare()
    region = await regions.open("r1")

    def bound(backend_id: str) -> Binding:
        return Binding(backend_id, "r1", f"az{backend_id[1:]}", backend_id, "enabled", backend_id == "b1", joins=JOINS)

    async def plugged(tx: Transaction, backend_id: str, server: str, *groups: str) -> Resource:
        wanted: dict[str, Any] = {"uuid": on.id}
        return await ports.plug(tx, WHO, wanted, server, WHO.project_id, bound(backend_id), list(groups), NOW)

    async with region.write() as tx:
        on = await network(tx, WHO)
        await subnet(tx, WHO, on, **CIDR)
        front = await group(tx, "front")
        back, alone = await group(tx, "back", front.id), await group(tx, "alone", front.id)
        await plugged(tx, "b2", "s-back", back.id)
        await plugged(tx, "b1", "s-alone", alone.id)

        async def generations() -> list[int]:
            known = await resources.find_many(tx, Kind.SECURITY_GROUP, [front.id, back.id, alone.id])
            return [known[one.id].generation for one in (front, back, alone)]

        before = await generations()
        member = await plugged(tx, "b1", "s1", front.id)
        assert await generations() == [before[0], before[1] + 1, before[2]]
        back = await resources.get(tx, Kind.SECURITY_GROUP, back.id)
        assert await security_groups.members_elsewhere(tx, back, "b2") == {front.id: addresses(member)}
        await ports.remove(tx, member, NOW)
        assert await generations() == [before[0], before[1] + 2, before[2]]
        due = await realizations.on_backend(tx, Kind.SECURITY_GROUP, back.id, "b2")
        assert due is not None
    await regions.close()

"""Server groups: members are the servers that need the group, and never more than the quota."""

import asyncio
from dataclasses import replace

import pytest

from tests.unit.region.rows import NOON, resource
from vregion.model.caller import Caller
from vregion.model.refusals import Invalid, NotFound, OverQuota
from vregion.model.resource import Kind
from vregion.reconcile.server_groups import body
from vregion.region import realizations, resources, server_groups, usages
from vregion.region.regions import Region

CALLER = Caller("u1", "p1", "d1", "r1", frozenset({"member"}), "req-1")
ANTI = {"name": "apart", "policy": "anti-affinity", "rules": {"max_server_per_host": "3"}}


async def test_members_are_the_projects_servers_that_are_not_being_deleted(region: Region) -> None:
    kept, leaving = resource(Kind.SERVER, 1), resource(Kind.SERVER, 2, deleting=True)
    async with region.write() as tx:
        group = await server_groups.create(tx, CALLER, ANTI, NOON)
        for server in (kept, leaving):
            await resources.insert_resource(tx, server)
            await realizations.need(tx, server, [(Kind.SERVER_GROUP, group.id), (Kind.KEYPAIR, "k")])
    async with region.read() as tx:
        assert await server_groups.members(tx, [group.id]) == {group.id: [kept.id]}


async def test_boots_at_once_never_overfill_a_group(region: Region) -> None:
    async with region.write() as tx:
        await usages.set_limits(tx, "p1", {"server_group_members": 4})
        group = await server_groups.create(tx, CALLER, ANTI, NOON)

    async def boot() -> bool:
        server = resource(Kind.SERVER)
        try:
            async with region.write() as tx:
                await server_groups.join(tx, group.id, CALLER, 1)
                await resources.insert_resource(tx, server)
                await realizations.need(tx, server, [(Kind.SERVER_GROUP, group.id)])
        except OverQuota:
            return False
        return True

    assert sum(await asyncio.gather(*(boot() for _ in range(12)))) == 4


async def test_another_projects_group_is_not_there(region: Region) -> None:
    async with region.write() as tx:
        group = await server_groups.create(tx, CALLER, ANTI, NOON)
        with pytest.raises(NotFound, match="could not be found"):
            await server_groups.get(tx, group.id, "p2")
        with pytest.raises(Invalid, match="could not be found"):
            await server_groups.join(tx, group.id, replace(CALLER, project_id="p2"), 1)
        assert [found.id for found in await server_groups.listed(tx, None)] == [group.id]


async def test_rules_are_numbers_and_only_anti_affinity_has_them(region: Region) -> None:
    async with region.write() as tx:
        group = await server_groups.create(tx, CALLER, ANTI, NOON)
        assert server_groups.document(group, ())["rules"] == {"max_server_per_host": 3}
        assert body(group, {})["rules"] == {"max_server_per_host": 3}
        plain = await server_groups.create(tx, CALLER, {"name": "together", "policy": "affinity"}, NOON)
        assert body(plain, {}) == {"name": "together", "policy": "affinity"}
        with pytest.raises(Invalid, match="Only anti-affinity policy supports rules"):
            await server_groups.create(tx, CALLER, ANTI | {"policy": "affinity"}, NOON)


async def test_a_deleted_group_gives_its_quota_back(region: Region) -> None:
    async with region.write() as tx:
        await usages.set_limits(tx, "p1", {"server_groups": 1})
        group = await server_groups.create(tx, CALLER, ANTI, NOON)
    with pytest.raises(OverQuota, match="Quota exceeded, too many server groups"):
        async with region.write() as tx:
            await server_groups.create(tx, CALLER, ANTI, NOON)
    async with region.write() as tx:
        await server_groups.delete(tx, group, NOON)
        with pytest.raises(NotFound):
            await server_groups.get(tx, group.id, "p1")
        await server_groups.create(tx, CALLER, ANTI, NOON)

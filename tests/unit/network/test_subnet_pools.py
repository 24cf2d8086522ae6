"""Subnet pools on both databases: no prefix is cut twice, whatever runs at once, and each comes back."""

import asyncio
from typing import Any

import pytest

from tests.unit.network.network_rows import NOW, caller, network, subnet
from vregion.ipam import blocks
from vregion.ipam.prefixes import prefix
from vregion.model.caller import Caller
from vregion.model.refusals import Conflict, Forbidden, NotFound, OverQuota
from vregion.model.resource import Kind, Resource
from vregion.region import address_scopes, networks, resources, sharing, subnet_pool_changes, subnet_pools, subnets
from vregion.region.regions import Region, Transaction

WHO, OTHER, ADMIN = caller(), caller("p2"), caller("p3", "admin")


async def pool(tx: Transaction, who: Caller = WHO, **wanted: Any) -> Resource:
    plain = {"name": "p", "prefixes": ["10.0.0.0/16"], "is_default": False, "shared": False, "default_prefixlen": 24}
    return await subnet_pools.create(tx, who, plain | wanted, NOW)


async def cut(tx: Transaction, who: Caller, on: Resource, of: Resource, **wanted: Any) -> Resource:
    return await subnet(tx, who, on, ip_version=of.spec["ip_version"], subnetpool_id=of.id, **wanted)


async def test_many_at_once_share_nothing(region: Region) -> None:
    async with region.write() as tx:
        of = await pool(tx, prefixes=["10.0.0.0/19"])
        on = [await network(tx, WHO) for _ in range(36)]

    async def one(each: Resource) -> str | None:
        try:
            async with region.write() as tx:
                return str((await cut(tx, WHO, each, of)).spec["cidr"])
        except Conflict:
            return None

    made = await asyncio.gather(*(one(each) for each in on))
    got = [prefix(text) for text in made if text]
    assert len(got) == len(set(got)) == 32
    assert blocks.compact(got) == [prefix("10.0.0.0/19")]
    async with region.read() as tx:
        assert (await resources.get(tx, Kind.SUBNET_POOL, of.id)).spec["free"] == []


async def test_a_prefix_comes_back_with_its_subnet_or_network(region: Region) -> None:
    async with region.write() as tx:
        of, on = await pool(tx), await network(tx, WHO)
        first, second = await cut(tx, WHO, on, of), await cut(tx, WHO, on, of)
        await subnets.delete(tx, WHO, first.id, None, NOW)
        assert (await cut(tx, WHO, on, of)).spec["cidr"] == first.spec["cidr"]
        await networks.delete(tx, WHO, on.id, None, NOW)
        left = await resources.get(tx, Kind.SUBNET_POOL, of.id)
        assert left.spec["free"] == left.spec["prefixes"] == ["10.0.0.0/16"]
        assert second.spec["cidr"] == "10.0.1.0/24"
        await subnet_pools.delete(tx, WHO, of.id, None)


async def test_a_refused_subnet_takes_nothing(region: Region) -> None:
    async with region.write() as tx:
        of, on = await pool(tx), await network(tx, WHO)
        await subnet(tx, WHO, on, ip_version=4, cidr="172.16.0.0/24")
    with pytest.raises(Exception, match="same subnet pool"):
        async with region.write() as tx:
            await cut(tx, WHO, on, of)
    async with region.read() as tx:
        assert (await resources.get(tx, Kind.SUBNET_POOL, of.id)).spec["free"] == ["10.0.0.0/16"]


async def test_a_shared_pool_is_used_by_others_and_changed_by_none(region: Region) -> None:
    async with region.write() as tx:
        of = await pool(tx, ADMIN, shared=True, default_quota=256)
        with pytest.raises(NotFound):
            await subnet_pools.get(tx, OTHER, (await pool(tx)).id)
        on = await network(tx, OTHER)
        assert (await cut(tx, OTHER, on, of)).spec["cidr"] == "10.0.0.0/24"
        with pytest.raises(Forbidden):
            await subnet_pool_changes.update(tx, OTHER, of.id, {"name": "x"}, None, NOW)
        with pytest.raises(OverQuota):
            await cut(tx, OTHER, on, of)
        mine = await network(tx, WHO)
        assert (await cut(tx, WHO, mine, of)).spec["cidr"] == "10.0.1.0/24"
        assert [one.spec["target_tenant"] for one in await sharing.policies(tx, of.id)] == ["*"]


async def test_the_default_pool_is_one_per_version(region: Region) -> None:
    async with region.write() as tx:
        await pool(tx, ADMIN, is_default=True, shared=True)
        with pytest.raises(Exception, match="has already been set"):
            await pool(tx, ADMIN, is_default=True, prefixes=["10.9.0.0/16"])
        on = await network(tx, WHO)
        made = await subnet(tx, WHO, on, ip_version=4, use_default_subnetpool=True)
        assert made.spec["cidr"] == "10.0.0.0/24"


async def test_a_subnet_changes_its_pool_and_its_network_the_scope(region: Region) -> None:
    async with region.write() as tx:
        scope = await address_scopes.create(tx, WHO, {"name": "s", "ip_version": 4, "shared": False}, NOW)
        one, two = await pool(tx), await pool(tx, prefixes=["10.1.0.0/16"], address_scope_id=scope.id)
        on = await network(tx, WHO)
        made = await cut(tx, WHO, on, one)
        assert [s.id for s in await subnet_pool_changes.onboard(tx, WHO, two.id, on.id, NOW)] == [made.id]
        assert (await resources.get(tx, Kind.SUBNET_POOL, one.id)).spec["free"] == ["10.0.0.0/16"]
        assert (await resources.get(tx, Kind.SUBNET_POOL, two.id)).spec["free"] == ["10.1.0.0/16"]
        assert (await networks.get(tx, WHO, on.id)).spec["ipv4_address_scope"] == scope.id
        await subnet_pool_changes.update(tx, WHO, two.id, {"address_scope_id": None}, None, NOW)
        assert (await networks.get(tx, WHO, on.id)).spec["ipv4_address_scope"] is None
        await address_scopes.delete(tx, WHO, scope.id, None)

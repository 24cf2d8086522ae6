"""Address groups over two clouds: one is where a security group is that names it, and goes when it is deleted."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.postgresql import database_url as database_url
from tests.postgresql import postgresql as postgresql
from tests.postgresql import postgresql_url as postgresql_url
from tests.reconcile.world import World
from tests.unit.network.network_rows import CIDR, NOW, caller, network, subnet
from vregion.model.refusals import Conflict
from vregion.model.resource import Kind
from vregion.reconcile.recipes import RECIPES
from vregion.region import address_groups, ports, security_groups

WHO = caller("project")


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, RECIPES) as made:
        yield made


def let_in(world: World, backend_id: str) -> list[str]:
    """Addresses that the rules of the group `g` let in by an address group there."""
    cloud = world.clouds[backend_id]
    (found,) = [row.document for row in cloud.of(Kind.SECURITY_GROUP) if row.document["name"] == "g"]
    named = [rule["remote_address_group_id"] for rule in found["security_group_rules"]]
    groups = {row.id: row.document["addresses"] for row in cloud.of(Kind.ADDRESS_GROUP)}
    return [address for one in named if one for address in groups[one]]


async def test_it_is_where_its_rules_are(world: World) -> None:
    backend_id = next(iter(world.clouds))
    async with world.region.write() as tx:
        on = await network(tx, WHO)
        await subnet(tx, WHO, on, **CIDR)
        named = await address_groups.create(tx, WHO, {"name": "a", "addresses": ["10.1.0.0/16"]}, NOW)
        group = await security_groups.create(tx, WHO, {"name": "g", "stateful": True}, NOW)
        rule: dict[str, Any] = {
            "security_group_id": group.id, "direction": "ingress", "ethertype": "IPv4",
            "remote_address_group_id": named.id,
        }  # fmt: skip
        (made,) = await security_groups.create_rules(tx, WHO, [rule], NOW)
        bound = world.binding(backend_id)
        await ports.plug(tx, WHO, {"uuid": on.id}, "server", WHO.project_id, bound, [group.id], NOW)
    await world.turn()
    assert let_in(world, backend_id) == ["10.1.0.0/16"]
    others = [cloud for name, cloud in world.clouds.items() if name != backend_id]
    assert all(not list(cloud.of(Kind.ADDRESS_GROUP)) for cloud in others)
    async with world.region.write() as tx:
        await address_groups.add_addresses(tx, WHO, named.id, ["10.2.0.0/16"], NOW)
        with pytest.raises(Conflict):
            await address_groups.delete(tx, WHO, named.id, None, NOW)
    await world.turn()
    assert let_in(world, backend_id) == ["10.1.0.0/16", "10.2.0.0/16"]
    async with world.region.write() as tx:
        await security_groups.delete_rule(tx, WHO, made.id, NOW)
        await address_groups.delete(tx, WHO, named.id, None, NOW)
    await world.turn()
    assert let_in(world, backend_id) == []
    assert not list(world.clouds[backend_id].of(Kind.ADDRESS_GROUP))

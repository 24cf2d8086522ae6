"""QoS policies in zones: they come with their first user and go with the last, whatever is killed at any await."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.reconcile.world import World
from tests.unit.network.network_rows import CIDR, NOW, caller, network, subnet
from tests.unit.network.outside import floating_ip, joined, lead_outside, plug, router
from vregion.model.resource import Kind, Resource, State
from vregion.reconcile.recipes import RECIPES
from vregion.region import (
    floating_ips,
    networks,
    ports,
    qos_policies,
    qos_rules,
    realizations,
    resources,
    router_changes,
)

WHO = caller("project", "manager")
LIMIT = {"max_kbps": 1000, "max_burst_kbps": 0, "direction": "egress"}
PLAIN = {"name": "slow", "shared": False, "is_default": False}
MAKING, GOING = 58, 18  # and some beyond


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, RECIPES) as made:
        yield made


async def plugged(world: World, **wanted: Any) -> tuple[Resource, Resource]:
    """A policy with a limit, and a server's port that has it."""
    async with world.region.write() as tx:
        policy = await qos_policies.create(tx, WHO, PLAIN, NOW)
        await qos_rules.create(tx, WHO, policy.id, "bandwidth_limit", LIMIT, [], NOW)
        on = await network(tx, WHO, **wanted)
        await subnet(tx, WHO, on, **CIDR)
        port = await ports.create(tx, WHO, {"network_id": on.id, "qos_policy_id": policy.id}, NOW)
        port = await ports.plug(tx, WHO, {"port": port.id}, "s1", WHO.project_id, world.binding(), [], NOW)
    return policy, port


def there(world: World, kind: Kind = Kind.QOS_POLICY, backend: str = "b1") -> list[dict[str, Any]]:
    return [row.document for row in world.clouds[backend].of(kind) if row.document.get("name") != "default"]


async def places(world: World, kind: Kind, resource_id: str) -> dict[str, State]:
    async with world.region.read() as tx:
        found = await realizations.of_resource(tx, kind, resource_id)
    return {one.backend_id: one.state for one in found}


async def test_it_comes_with_a_port_follows_its_rules_and_goes_with_it(world: World) -> None:
    policy, port = await plugged(world)
    await world.turn()
    (made,), (of_port,) = there(world), there(world, Kind.PORT)
    assert (made["name"], made["project_id"]) == ("slow", "project")
    assert [rule["max_kbps"] for rule in made["rules"]] == [1000]
    assert of_port["qos_policy_id"] == made["id"]
    async with world.region.write() as tx:
        (rule,) = (await qos_policies.get(tx, WHO, policy.id)).spec["rules"]
        await qos_rules.update(tx, WHO, (policy.id, rule["id"]), {"max_kbps": 500}, [], NOW)
        await qos_rules.create(tx, WHO, policy.id, "dscp_marking", {"dscp_mark": 26}, [], NOW)
    await world.turn()
    assert [rule.get("max_kbps", rule.get("dscp_mark")) for rule in there(world)[0]["rules"]] == [500, 26]
    async with world.region.write() as tx:
        await ports.remove(tx, await resources.get(tx, Kind.PORT, port.id), NOW)
    await world.turn()
    assert there(world) == []
    async with world.region.write() as tx:
        await qos_policies.delete(tx, WHO, policy.id, None, NOW)
        assert await resources.find(tx, Kind.QOS_POLICY, policy.id) is None


async def test_another_policy_takes_its_place(world: World) -> None:
    policy, port = await plugged(world)
    await world.turn()
    async with world.region.write() as tx:
        other = await qos_policies.create(tx, WHO, PLAIN | {"name": "slower"}, NOW)
        await ports.update(tx, WHO, port.id, {"qos_policy_id": other.id}, None, NOW)
    await world.turn()
    (made,) = there(world)
    assert (made["name"], there(world, Kind.PORT)[0]["qos_policy_id"]) == ("slower", made["id"])
    assert await places(world, Kind.QOS_POLICY, policy.id) == {}
    async with world.region.write() as tx:
        await ports.update(tx, WHO, port.id, {"qos_policy_id": None}, None, NOW)
    await world.turn()
    assert (there(world), there(world, Kind.PORT)[0]["qos_policy_id"]) == ([], None)


async def test_a_network_brings_it_into_its_zone_and_keeps_it_there(world: World) -> None:
    async with world.region.write() as tx:
        policy = await qos_policies.create(tx, WHO, PLAIN | {"is_default": True}, NOW)
        on = await network(tx, WHO)
        await subnet(tx, WHO, on, **CIDR)
        assert on.spec["qos_policy_id"] == policy.id
        port = await ports.plug(tx, WHO, {"uuid": on.id}, "s1", WHO.project_id, world.binding(), [], NOW)
        assert port.spec["qos_network_policy_id"] == policy.id
    await world.turn()
    assert there(world, Kind.NETWORK)[0]["qos_policy_id"] == there(world)[0]["id"]
    async with world.region.write() as tx:
        await networks.update(tx, WHO, on.id, {"qos_policy_id": None}, None, NOW)
    await world.turn()
    assert (there(world), there(world, Kind.NETWORK)[0]["qos_policy_id"]) == ([], None)


async def test_a_floating_ip_and_a_gateway_have_one(world: World) -> None:
    outside = await lead_outside(world)
    async with world.region.write() as tx:
        policy = await qos_policies.create(tx, WHO, PLAIN, NOW)
        mine = await router(tx, outside, external_gateway_info={"network_id": outside, "qos_policy_id": policy.id})
        await plug(tx, await joined(tx, mine), "s1")
        ip = await floating_ip(tx, outside, qos_policy_id=policy.id)
    await world.turn()
    (made,), (gateway,) = there(world), there(world, Kind.ROUTER)
    assert there(world, Kind.FLOATING_IP)[0]["qos_policy_id"] == made["id"]
    assert gateway["external_gateway_info"]["qos_policy_id"] == made["id"]
    async with world.region.write() as tx:
        await floating_ips.update(tx, WHO, ip.id, {"qos_policy_id": None}, (), None, NOW)
    await world.turn()
    assert there(world, Kind.FLOATING_IP)[0]["qos_policy_id"] is None
    assert there(world) == [made]
    async with world.region.write() as tx:
        wanted = {"external_gateway_info": {"network_id": outside, "qos_policy_id": None}}
        await router_changes.update(tx, WHO, mine.id, wanted, None, NOW)
    await world.turn()
    assert (there(world), there(world, Kind.ROUTER)[0]["external_gateway_info"]["qos_policy_id"]) == ([], None)


async def test_a_manager_s_credential_needs_no_provider(world: World) -> None:
    world.cloud.managed.add("project")
    world.cloud.administrators.clear()
    policy, _ = await plugged(world)
    await world.turn()
    assert await places(world, Kind.QOS_POLICY, policy.id) == {"b1": State.READY}


@pytest.mark.parametrize("has_qos", [True, False])
async def test_a_zone_that_refuses_says_so_on_the_port(world: World, has_qos: bool) -> None:
    """Nobody's credential may make it, or the zone has no QoS: never a port without what was promised."""
    world.cloud.administrators.clear()
    world.cloud.has_qos = has_qos
    policy, port = await plugged(world)
    await world.turn()
    assert await places(world, Kind.QOS_POLICY, policy.id) == {"b1": State.ERROR}
    async with world.region.read() as tx:
        assert (await resources.get(tx, Kind.PORT, port.id)).status == "ERROR"
        (of_port,) = await realizations.of_resource(tx, Kind.PORT, port.id)
    words = "create_policy is disallowed" if has_qos else "no such extension"
    assert of_port.reason is not None
    assert policy.id in of_port.reason
    assert words in of_port.reason
    async with world.region.write() as tx:
        await ports.update(tx, WHO, port.id, {"qos_policy_id": None}, None, NOW)
    await world.turn()
    assert (await places(world, Kind.PORT, port.id), there(world)) == ({"b1": State.READY}, [])


async def ended(world: World) -> tuple[Resource, Resource]:
    """A policy that was there, and shall be gone with its user."""
    policy, port = await plugged(world)
    await world.turn()
    async with world.region.write() as tx:
        await ports.remove(tx, await resources.get(tx, Kind.PORT, port.id), NOW)
        await qos_policies.delete(tx, WHO, policy.id, None, NOW)
        tx.ring = True
    return policy, port


@pytest.mark.parametrize("point", range(MAKING))
async def test_killed_at_any_point_of_its_making_there_is_one(tmp_path: Path, point: int) -> None:
    async with World(tmp_path, RECIPES) as world:
        policy, port = await plugged(world)
        await world.die_at(point)
        (made,), (of_port,) = there(world), there(world, Kind.PORT)
        assert (of_port["qos_policy_id"], len(made["rules"])) == (made["id"], 1)
        assert await places(world, Kind.QOS_POLICY, policy.id) == {"b1": State.READY}
        assert await places(world, Kind.PORT, port.id) == {"b1": State.READY}


@pytest.mark.parametrize("point", range(GOING))
async def test_killed_at_any_point_of_its_going_nothing_is_left(tmp_path: Path, point: int) -> None:
    async with World(tmp_path, RECIPES) as world:
        policy, _ = await ended(world)
        await world.die_at(point)
        assert (there(world), there(world, Kind.PORT)) == ([], [])
        async with world.region.read() as tx:
            assert await resources.find(tx, Kind.QOS_POLICY, policy.id) is None


async def test_the_points_are_all_there_are(tmp_path: Path) -> None:
    async with World(tmp_path / "making", RECIPES) as world:
        await plugged(world)
        assert not await world.die_at(MAKING)
    async with World(tmp_path / "going", RECIPES) as world:
        await ended(world)
        assert not await world.die_at(GOING)

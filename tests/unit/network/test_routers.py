"""Routers appear in the zones of their networks and go with the last one, under virtual time and behind the back."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, update

from tests.reconcile.world import World
from tests.unit.network.network_rows import NOW, SLAAC, network, subnet
from tests.unit.network.outside import RECIPES, WHO, ZONES, joined, lead_outside, plug, router, tell
from vregion.model.refusals import Conflict, Forbidden, Invalid, NotFound
from vregion.model.resource import Kind, State
from vregion.region import (
    census,
    external_networks,
    networks,
    ports,
    realizations,
    resources,
    router_changes,
    router_interfaces,
    routers,
    tables,
)


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, RECIPES) as made:
        yield made


def on_cloud(world: World, kind: Kind, backend: str = "b1") -> list[dict[str, Any]]:
    """What the tenant's project has there."""
    return [row.document for row in world.clouds[backend].of(kind, "project")]


async def test_a_router_comes_with_the_first_server_and_shows_the_zones_true_address(world: World) -> None:
    outside = await lead_outside(world)
    async with world.region.write() as tx:
        mine = await router(tx, outside)
        inside = await joined(tx, mine)
    await world.turn()
    assert not on_cloud(world, Kind.ROUTER), "nothing is made before something needs it"
    async with world.region.read() as tx:
        (early,) = await routers.interfaces(tx, mine.id)
        assert early.status == "ACTIVE", "clients wait for that"
    async with world.region.write() as tx:
        await plug(tx, inside, "s1")
    await world.turn()
    (there,), (door, _) = (
        on_cloud(world, Kind.ROUTER),
        sorted(on_cloud(world, Kind.PORT), key=lambda port: port["device_owner"], reverse=True),
    )
    assert there["description"] == f"vregion:{mine.id}"
    assert (door["device_id"], door["fixed_ips"][0]["ip_address"]) == (there["id"], "10.0.0.1")
    async with world.region.read() as tx:
        seen = routers.document(await resources.get(tx, Kind.ROUTER, mine.id))
        (port,) = await routers.gateway_ports(tx, mine.id)
        (outer,) = [s for s in (await resources.get(tx, Kind.NETWORK, outside)).spec["subnets"]
                    if (await resources.get(tx, Kind.SUBNET, s)).availability_zone == "az1"]  # fmt: skip
    address = there["external_gateway_info"]["external_fixed_ips"][0]["ip_address"]
    assert address.startswith("203.0.113.")
    assert seen["external_gateway_info"]["external_fixed_ips"] == [{"subnet_id": outer, "ip_address": address}]
    assert seen["availability_zones"] == ["az1"]
    assert port.spec["fixed_ips"] == [{"subnet_id": outer, "ip_address": address}]
    assert not on_cloud(world, Kind.ROUTER, "b2")


async def test_a_router_goes_with_its_last_interface_and_comes_again(world: World) -> None:
    outside = await lead_outside(world)
    async with world.region.write() as tx:
        mine = await router(tx, outside)
        inside = await joined(tx, mine)
        await plug(tx, inside, "s1")
    await world.turn()
    wanted = {"subnet_id": inside.spec["subnets"][0]}
    async with world.region.write() as tx:
        await router_interfaces.remove(tx, WHO, mine.id, wanted, NOW)
    await world.turn()
    assert not on_cloud(world, Kind.ROUTER)
    assert [port["device_owner"] for port in on_cloud(world, Kind.PORT)] == [""]
    async with world.region.write() as tx:
        gone = routers.document(await resources.get(tx, Kind.ROUTER, mine.id))
        assert gone["external_gateway_info"]["external_fixed_ips"] == []
        assert gone["availability_zones"] == []
        await router_interfaces.add(tx, WHO, mine.id, wanted, ZONES, NOW)
        await router_interfaces.remove(tx, WHO, mine.id, wanted, NOW)
        await router_interfaces.add(tx, WHO, mine.id, wanted, ZONES, NOW)
    await world.turn()
    assert len(on_cloud(world, Kind.ROUTER)) == 1
    assert len(on_cloud(world, Kind.PORT)) == 2
    async with world.region.write() as tx:
        await router_interfaces.remove(tx, WHO, mine.id, wanted, NOW)
        await router_changes.delete(tx, WHO, mine.id, None, NOW)
    await world.turn()
    async with world.region.read() as tx:
        assert await resources.find(tx, Kind.ROUTER, mine.id) is None
        assert await realizations.of_resource(tx, Kind.ROUTER, mine.id) == []


async def test_wanted_again_while_it_is_being_deleted(world: World) -> None:
    async with world.region.write() as tx:
        mine = await router(tx)
        inside = await joined(tx, mine)
        await plug(tx, inside, "s1")
    await world.turn()
    wanted = {"subnet_id": inside.spec["subnets"][0]}
    async with world.region.write() as tx:
        await router_interfaces.remove(tx, WHO, mine.id, wanted, NOW)

    async def meanwhile(moment: str, operation: str, kind: Kind | None) -> None:
        if (moment, operation, kind) == ("after", "delete", Kind.ROUTER) and not on_cloud(world, Kind.ROUTER):
            world.cloud.faults.crash = None
            async with world.region.write() as tx:
                await router_interfaces.add(tx, WHO, mine.id, wanted, ZONES, NOW)

    world.cloud.faults.crash = meanwhile
    await world.turn()
    assert world.cloud.faults.crash is None, "the moment came"
    assert len(on_cloud(world, Kind.ROUTER)) == 1
    async with world.region.read() as tx:
        (there,) = await realizations.of_resource(tx, Kind.ROUTER, mine.id)
    assert there.state is State.READY


async def test_routes_follow_their_interface_and_leave_others_alone(world: World) -> None:
    async with world.region.write() as tx:
        mine = await router(tx)
        inside = await joined(tx, mine)
        await plug(tx, inside, "s1")
        route = {"destination": "192.0.2.0/24", "nexthop": "10.0.0.9"}
        await router_changes.update(tx, WHO, mine.id, {"routes": [route]}, None, NOW)
    await world.turn()
    (row,) = world.cloud.of(Kind.ROUTER)
    assert row.document["routes"] == [route]
    foreign = {"destination": "198.51.100.0/24", "nexthop": "10.0.0.8"}
    row.document["routes"].append(foreign)
    other = {"destination": "192.0.2.0/25", "nexthop": "10.0.0.9"}
    async with world.region.write() as tx:
        await router_changes.add_routes(tx, WHO, mine.id, [other], NOW)
        await router_changes.remove_routes(tx, WHO, mine.id, [route], NOW)
    await world.turn()
    assert sorted(map(str, row.document["routes"])) == sorted(map(str, [foreign, other]))


async def test_a_new_router_is_down_until_it_is_whole_and_then_told_all_at_once(world: World) -> None:
    """Neutron's agent builds a router anew for whatever happens to it while it is up."""
    outside, steps = await lead_outside(world), []
    async with world.region.write() as tx:
        mine = await router(tx, outside)
        for cidr in ("10.0.0.0/24", "10.1.0.0/24"):
            await plug(tx, await joined(tx, mine, cidr), f"s-{cidr}")
        route = {"destination": "192.0.2.0/24", "nexthop": "10.1.0.9"}
        await router_changes.update(tx, WHO, mine.id, {"routes": [route]}, None, NOW)

    async def watch(moment: str, operation: str, kind: Kind | None) -> None:
        if (moment, kind) == ("after", Kind.ROUTER) and operation != "get":
            (there,) = on_cloud(world, Kind.ROUTER)
            steps.append((operation, there["admin_state_up"], len(there["routes"])))

    world.cloud.faults.crash = watch
    await world.turn()
    down, whole = False, ("call", True, 1)
    assert steps[:2] == [("create", down, 0), ("update", down, 0)], "the gateway"
    assert steps[2:] == [("call", down, 0), ("call", down, 0), whole]
    asked = [operation for operation, kind in world.cloud.faults.calls if kind is Kind.ROUTER]
    assert asked.count("get") == 1, "one look, when all of its interfaces are there"


async def test_a_new_router_waits_ten_seconds_for_an_interface(world: World) -> None:
    """One that cannot be made keeps nobody waiting; one that comes later is on a router that is up."""
    async with world.region.write() as tx:
        mine = await router(tx)
        await plug(tx, await joined(tx, mine), "s1")
    began, up_after = world.clock.now, None
    for _ in range(10):  # of the server's port, too
        world.cloud.faults.fail_next(Kind.PORT, "create")

    async def watch(moment: str, operation: str, kind: Kind | None) -> None:
        nonlocal up_after
        if (moment, operation, kind) == ("after", "call", Kind.ROUTER) and up_after is None:
            up_after = world.clock.now - began
            assert not on_cloud(world, Kind.PORT)

    world.cloud.faults.crash = watch
    await world.turn()
    assert up_after is not None
    assert timedelta(seconds=10) <= up_after < timedelta(seconds=12)
    assert len(on_cloud(world, Kind.PORT)) == 2


async def test_a_gathering_router_is_looked_at_when_its_last_interface_came_else_a_second_later(world: World) -> None:
    """Of two that come at the same moment on PostgreSQL neither sees the other one there."""
    async with world.region.write() as tx:
        mine = await router(tx)
        for cidr in ("10.0.0.0/24", "10.1.0.0/24"):
            await plug(tx, await joined(tx, mine, cidr), f"s-{cidr}")
        gathers = {"observed": {routers.GATHERS: True}, "due_at": NOW + timedelta(seconds=5)}
        of_router = tables.realizations.c.resource_id == mine.id
        await tx.execute(update(tables.realizations).where(of_router).values(gathers))
        due = []
        for door in await routers.interfaces(tx, mine.id):
            its = tables.realizations.c.resource_id == door.id
            await tx.execute(update(tables.realizations).where(its).values(state=State.READY))
            await routers.has_door(tx, mine.id, door, "b1", NOW)
            due.append((await tx.execute(select(tables.realizations.c.due_at).where(of_router))).scalar_one() - NOW)
    assert due == [routers.MORE_COME, timedelta(0)]


async def test_a_router_that_the_tenant_wants_down_stays_down(world: World) -> None:
    async with world.region.write() as tx:
        mine = await router(tx, admin_state_up=False)
        await plug(tx, await joined(tx, mine), "s1")
    await world.turn()
    assert [there["admin_state_up"] for there in on_cloud(world, Kind.ROUTER)] == [False]
    for state in (True, False):
        async with world.region.write() as tx:
            await router_changes.update(tx, WHO, mine.id, {"admin_state_up": state}, None, NOW)
        await world.turn()
        assert [there["admin_state_up"] for there in on_cloud(world, Kind.ROUTER)] == [state]


async def test_a_router_that_goes_is_asked_once_and_its_interfaces_after_its_routes(world: World) -> None:
    async with world.region.write() as tx:
        mine = await router(tx)
        inside = await joined(tx, mine)
        await plug(tx, inside, "s1")
        route = {"destination": "192.0.2.0/24", "nexthop": "10.0.0.9"}
        await router_changes.update(tx, WHO, mine.id, {"routes": [route]}, None, NOW)
    await world.turn()
    world.cloud.faults.calls.clear()
    async with world.region.write() as tx:
        await router_changes.update(tx, WHO, mine.id, {"routes": []}, None, NOW)
        await router_interfaces.remove(tx, WHO, mine.id, {"subnet_id": inside.spec["subnets"][0]}, NOW)
        await router_changes.delete(tx, WHO, mine.id, None, NOW)
    await world.turn()
    asked = [operation for operation, kind in world.cloud.faults.calls if kind is Kind.ROUTER and operation != "get"]
    assert asked == ["call", "call", "delete"]
    assert not on_cloud(world, Kind.ROUTER)


async def test_a_router_that_was_wanted_again_for_a_moment_goes_with_its_routes(world: World) -> None:
    """Nobody looked at it in between."""
    async with world.region.write() as tx:
        mine = await router(tx)
        inside = await joined(tx, mine)
        await plug(tx, inside, "s1")
    await world.turn()
    (row,) = world.cloud.of(Kind.ROUTER)
    row.document["routes"].append({"destination": "198.51.100.0/24", "nexthop": "10.0.0.8"})  # holds the interface
    wanted = {"subnet_id": inside.spec["subnets"][0]}
    async with world.region.write() as tx:
        await router_interfaces.remove(tx, WHO, mine.id, wanted, NOW)
        await router_interfaces.add(tx, WHO, mine.id, wanted, ZONES, NOW)
        await router_interfaces.remove(tx, WHO, mine.id, wanted, NOW)
    await world.turn()
    assert not on_cloud(world, Kind.ROUTER)
    assert len(on_cloud(world, Kind.PORT)) == 1


async def test_a_tenants_own_port_is_an_interface_that_nothing_guards(world: World) -> None:
    """Neutron trusts a router's port, and refuses one with groups or address pairs."""
    async with world.region.write() as tx:
        mine = await router(tx)
        inside = await network(tx, WHO, name="inside")
        await subnet(tx, WHO, inside)
        pairs = [{"ip_address": "10.0.0.7"}]
        own = {"network_id": inside.id, "fixed_ips": [{"ip_address": "10.0.0.254"}], "allowed_address_pairs": pairs}
        port = await ports.create(tx, WHO, own, NOW)
        assert port.spec["security_groups"]
        await router_interfaces.add(tx, WHO, mine.id, {"port_id": port.id}, ZONES, NOW)
        await plug(tx, inside, "s1")
    await world.turn()
    (door,) = [one for one in on_cloud(world, Kind.PORT) if one["device_owner"] == "network:router_interface"]
    assert door["fixed_ips"][0]["ip_address"] == "10.0.0.254"
    assert (door["security_groups"], door["port_security_enabled"], door["allowed_address_pairs"]) == ([], False, [])


async def test_an_interface_says_what_it_is_only_where_others_have_automatic_addresses(world: World) -> None:
    """It must there, and names its router then, which takes no port that does; with OVN Neutron fails otherwise."""
    said: dict[str, str] = {}

    async def watch(moment: str, operation: str, kind: Kind | None) -> None:
        if (moment, operation, kind) == ("after", "create", Kind.PORT):
            for port in on_cloud(world, Kind.PORT):
                said.setdefault(port["fixed_ips"][0]["ip_address"], port["device_owner"])

    world.cloud.faults.crash = watch
    async with world.region.write() as tx:
        mine = await router(tx)
        await plug(tx, await joined(tx, mine), "s1")
        mixed = await joined(tx, mine, "10.1.0.0/24")
        await subnet(tx, WHO, mixed, **SLAAC)
        await plug(tx, mixed, "s2")
    await world.turn()
    assert said["10.1.0.1"] == routers.INTERFACE
    assert said["10.0.0.1"] == ""
    doors = [port for port in on_cloud(world, Kind.PORT) if port["device_owner"] == routers.INTERFACE]
    assert {port["name"] for port in doors} == {""}
    assert {len(port["fixed_ips"]) for port in doors} == {1}


async def test_refusals(world: World) -> None:
    outside = await lead_outside(world)
    async with world.region.write() as tx:
        mine = await router(tx, outside)
        inside = await joined(tx, mine)
        for wanted, refusal in (
            ({"subnet_id": inside.spec["subnets"][0]}, Invalid),
            ({"port_id": inside.spec["router_ports"][0]}, Conflict),
        ):
            with pytest.raises(refusal):
                await router_interfaces.add(tx, WHO, mine.id, wanted, ZONES, NOW)
        other = await network(tx, WHO, name="overlapping")
        clash = await subnet(tx, WHO, other, ip_version=4, cidr="10.0.0.0/25")
        with pytest.raises(Invalid, match="overlaps"):
            await router_interfaces.add(tx, WHO, mine.id, {"subnet_id": clash.id}, ZONES, NOW)
        with pytest.raises(Conflict, match="still attached"):
            await router_changes.delete(tx, WHO, mine.id, None, NOW)
        with pytest.raises(Conflict, match="directly via the port API"):
            await ports.delete(tx, WHO, inside.spec["router_ports"][0], None, NOW)
        hop = [{"destination": "192.0.2.0/24", "nexthop": "10.9.9.9"}]
        with pytest.raises(Invalid, match="not connected"):
            await router_changes.add_routes(tx, WHO, mine.id, hop, NOW)
        with pytest.raises(Invalid, match="not an external network"):
            await router_changes.update(
                tx, WHO, mine.id, {"external_gateway_info": {"network_id": inside.id}}, None, NOW
            )
        with pytest.raises(Forbidden):
            await networks.update(tx, WHO, outside, {"name": "mine"}, None, NOW)
        with pytest.raises(NotFound):
            await ports.create(tx, WHO, {"network_id": outside}, NOW)


async def test_the_outside_holds_no_zone_back_and_goes_with_it(world: World) -> None:
    outside = await lead_outside(world)
    assert await census.in_region(world.region) == []
    assert await census.on_backend(world.region, "b1") == []
    assert await census.clear(world.region, "b1", NOW) == []
    async with world.region.write() as tx:
        await tell(world, tx, "b1", "az1")
        assert len((await resources.get(tx, Kind.NETWORK, outside)).spec["subnets"]) == 2
        await external_networks.leave(tx, "b1")
        assert (await resources.get(tx, Kind.NETWORK, outside)).spec["zones"] == ["az2"]
        await external_networks.leave(tx, "b2")
        assert await resources.find(tx, Kind.NETWORK, outside) is None
    assert world.cloud.count(Kind.NETWORK) == 1, "the cloud's own network is untouched"


async def test_a_worker_that_dies_leaves_one_router_with_one_interface(world: World) -> None:
    point, outside = 0, await lead_outside(world)
    while True:
        async with world.region.write() as tx:
            mine = await router(tx, outside)
            inside = await joined(tx, mine)
            if point % 8:
                await subnet(tx, WHO, inside, **SLAAC)
            await plug(tx, inside, f"s{point}")
        died = await world.die_at(point)
        (there,) = [r for r in on_cloud(world, Kind.ROUTER) if r["description"] == f"vregion:{mine.id}"]
        doors = [port for port in on_cloud(world, Kind.PORT) if port["device_id"] == there["id"]]
        assert [len(door["fixed_ips"]) for door in doors] == [1], point
        assert there["external_gateway_info"], point
        assert len(on_cloud(world, Kind.ROUTER)) == 1
        async with world.region.write() as tx:
            await router_interfaces.remove(tx, WHO, mine.id, {"subnet_id": inside.spec["subnets"][0]}, NOW)
            await router_changes.delete(tx, WHO, mine.id, None, NOW)
        await world.turn()
        assert not on_cloud(world, Kind.ROUTER)
        if not died:
            break
        point += 4
    assert point > 20

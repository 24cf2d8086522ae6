"""Floating IPs: the zone's own address, and to what it leads, as servers and routers come and go."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.reconcile.world import World
from tests.unit.network.network_rows import NOW
from tests.unit.network.outside import RECIPES, WHO, ZONES, bound, floating_ip, joined, lead_outside, plug, router
from vregion.drivers.contract import Transient
from vregion.model.refusals import Conflict, Invalid, NotFound
from vregion.model.resource import Kind
from vregion.region import (
    floating_ips,
    port_forwardings,
    ports,
    realizations,
    resources,
    router_interfaces,
    server_addresses,
)

BOUND = [bound("az1"), bound("az2")]


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, RECIPES) as made:
        yield made


def on_cloud(world: World, backend: str = "b1") -> list[dict[str, Any]]:
    return [row.document for row in world.clouds[backend].of(Kind.FLOATING_IP, "project")]


async def test_the_address_is_the_zones_own_and_leads_to_the_port_once_it_is_there(world: World) -> None:
    outside = await lead_outside(world)
    async with world.region.write() as tx:
        mine = await router(tx, outside)
        inside = await joined(tx, mine)
        port = await ports.create(tx, WHO, {"network_id": inside.id}, NOW)
        ip = await floating_ip(tx, outside, port_id=port.id)
        assert (ip.availability_zone, ip.spec["router_id"]) == ("az1", mine.id)
    await world.turn()
    (there,) = on_cloud(world)
    async with world.region.write() as tx:
        seen = await resources.get(tx, Kind.FLOATING_IP, ip.id)
        assert seen.spec["floating_ip_address"] == there["floating_ip_address"]
        assert there["port_id"] is None, "no server has the port yet"
        await plug(tx, inside, "s1", port=port.id)
    await world.turn()
    (there,) = on_cloud(world)
    assert there["fixed_ip_address"] == port.spec["fixed_ips"][0]["ip_address"]
    async with world.region.write() as tx:
        assert (await resources.get(tx, Kind.FLOATING_IP, ip.id)).status == "ACTIVE"
        shown = await server_addresses.shown(tx, "s1")
        (name,) = shown
        assert [one["OS-EXT-IPS:type"] for one in shown[name]] == ["fixed", "floating"]
        assert shown[name][1]["addr"] == there["floating_ip_address"]
        with pytest.raises(Conflict, match="required by one or more floating IPs"):
            await router_interfaces.remove(tx, WHO, mine.id, {"subnet_id": inside.spec["subnets"][0]}, NOW)
        await floating_ips.update(tx, WHO, ip.id, {"port_id": None}, (), None, NOW)
    await world.turn()
    (there,) = on_cloud(world)
    assert there["port_id"] is None
    async with world.region.write() as tx:
        await floating_ips.delete(tx, WHO, ip.id, None, NOW)
    await world.turn()
    assert on_cloud(world) == []


async def test_a_port_that_goes_lets_its_floating_ip_go(world: World) -> None:
    outside = await lead_outside(world)
    async with world.region.write() as tx:
        mine = await router(tx, outside)
        inside = await joined(tx, mine)
        port = await plug(tx, inside, "s1")
        ip = await floating_ip(tx, outside, port_id=port.id)
    await world.turn()
    assert on_cloud(world)[0]["port_id"]
    async with world.region.write() as tx:
        await ports.unplug(tx, await resources.get(tx, Kind.PORT, port.id), NOW)
    await world.turn()
    async with world.region.read() as tx:
        seen = await resources.get(tx, Kind.FLOATING_IP, ip.id)
    assert (seen.spec["port_id"], seen.spec["router_id"], seen.parent_id, seen.status) == (None, None, None, "DOWN")
    assert on_cloud(world)[0]["port_id"] is None


async def test_zones(world: World) -> None:
    outside = await lead_outside(world)
    async with world.region.write() as tx:
        mine = await router(tx, outside)
        inside = await joined(tx, mine)
        port = await plug(tx, inside, "s1", "az2")
        ip = await floating_ip(tx, outside, port_id=port.id)
        free = await floating_ip(tx, outside)
        assert (ip.availability_zone, free.availability_zone) == ("az2", "az1")
        with pytest.raises(Conflict, match="is of availability zone az1"):
            await floating_ips.update(tx, WHO, free.id, {"port_id": port.id}, BOUND, None, NOW)
        loose = await ports.create(tx, WHO, {"network_id": (await joined(tx, mine, "10.1.0.0/24")).id}, NOW)
        placed = await floating_ip(tx, outside, port_id=loose.id)
        assert placed.availability_zone == "az1"
        with pytest.raises(Conflict):
            await ports.plug(tx, WHO, {"port": loose.id}, "s2", WHO.project_id, bound("az2"), [], NOW)
        subnets = (await resources.get(tx, Kind.NETWORK, outside)).spec["subnets"]
        for name in subnets:
            zone = (await resources.get(tx, Kind.SUBNET, name)).availability_zone
            assert (await floating_ip(tx, outside, subnet_id=name)).availability_zone == zone
    await world.turn()
    assert {one["floating_ip_address"].rpartition(".")[0] for one in on_cloud(world, "b2")} == {"203.0.114"}
    assert {one["floating_ip_address"].rpartition(".")[0] for one in on_cloud(world)} == {"203.0.113"}


async def test_refusals(world: World) -> None:
    outside = await lead_outside(world)
    async with world.region.write() as tx:
        inside = await joined(tx, await router(tx))
        port = await ports.create(tx, WHO, {"network_id": inside.id}, NOW)
        for wanted, refusal, words in (
            ({"port_id": port.id}, NotFound, "is not reachable from subnet"),
            ({"fixed_ip_address": "10.0.0.9"}, Invalid, "without a port_id"),
            ({"floating_network_id": inside.id}, Invalid, "not a valid external network"),
            ({"port_id": port.id, "fixed_ip_address": "10.0.0.99"}, Invalid, "does not have fixed ip"),
        ):
            with pytest.raises(refusal, match=words):
                await floating_ip(tx, outside, **wanted)


async def test_ports_are_forwarded(world: World) -> None:
    outside = await lead_outside(world)
    async with world.region.write() as tx:
        mine = await router(tx, outside)
        inside = await joined(tx, mine)
        port = await plug(tx, inside, "s1")
        ip = await floating_ip(tx, outside)
        address = port.spec["fixed_ips"][0]["ip_address"]
        wanted = {"protocol": "tcp", "internal_port_id": port.id, "internal_ip_address": address, "description": "d"}
        one = await port_forwardings.create(
            tx, WHO, ip.id, wanted | {"internal_port": 80, "external_port": 8080}, BOUND, NOW
        )
        with pytest.raises(Invalid, match="collision with the external_port"):
            await port_forwardings.create(
                tx, WHO, ip.id, wanted | {"internal_port": 81, "external_port": 8080}, BOUND, NOW
            )
        with pytest.raises(Conflict, match="in use by Port Forwarding"):
            await floating_ips.delete(tx, WHO, ip.id, None, NOW)
    await world.turn()
    (there,) = on_cloud(world)
    (made,) = there["port_forwardings"]
    assert (made["external_port"], made["internal_port"], made["internal_ip_address"]) == (8080, 80, address)
    async with world.region.write() as tx:
        await port_forwardings.update(tx, WHO, ip.id, one["id"], {"external_port": 9090}, BOUND, NOW)
    await world.turn()
    assert [f["external_port"] for f in on_cloud(world)[0]["port_forwardings"]] == [9090]
    async with world.region.write() as tx:
        await ports.unplug(tx, await resources.get(tx, Kind.PORT, port.id), NOW)
    await world.turn()
    assert on_cloud(world)[0]["port_forwardings"] == []
    async with world.region.read() as tx:
        seen = await resources.get(tx, Kind.FLOATING_IP, ip.id)
        assert (await realizations.of_resource(tx, Kind.FLOATING_IP, ip.id))[0].wanted
    assert seen.spec["router_id"] is None
    assert set(ZONES) == {"az1", "az2"}


async def test_a_zone_that_reports_later_is_looked_at_again_for_a_while(world: World) -> None:
    outside = await lead_outside(world)
    async with world.region.write() as tx:
        inside = await joined(tx, await router(tx, outside))
        port = await plug(tx, inside, "s1")
        ip = await floating_ip(tx, outside, port_id=port.id)
    await world.turn()
    row = next(iter(world.cloud.of(Kind.FLOATING_IP)))

    async def late(moment: str, operation: str, kind: Kind | None) -> None:
        if kind is Kind.FLOATING_IP:
            row.document["status"] = "ACTIVE" if world.clock.now > reported else "DOWN"

    began, world.cloud.faults.crash = world.clock.now, late
    reported = began + timedelta(seconds=20)
    async with world.region.write() as tx:
        await floating_ips.update(tx, WHO, ip.id, {"description": "again"}, BOUND, None, NOW)
    await world.turn()
    async with world.region.read() as tx:
        assert (await resources.get(tx, Kind.FLOATING_IP, ip.id)).status == "ACTIVE"
    reported += timedelta(days=1)
    async with world.region.write() as tx:
        await floating_ips.update(tx, WHO, ip.id, {"description": "and again"}, BOUND, None, NOW)
    asked = world.cloud.faults.count("get", Kind.FLOATING_IP)
    await world.turn()
    async with world.region.read() as tx:
        assert (await resources.get(tx, Kind.FLOATING_IP, ip.id)).status == "DOWN"
    assert world.cloud.faults.count("get", Kind.FLOATING_IP) - asked < 60, "not for ever"


@pytest.mark.parametrize("kind", [Kind.PORT, Kind.ROUTER])
async def test_what_it_waits_for_wakes_it(world: World, kind: Kind) -> None:
    outside = await lead_outside(world)
    async with world.region.write() as tx:
        inside = await joined(tx, await router(tx, outside))
        port = await plug(tx, inside, "s1")
        await floating_ip(tx, outside, port_id=port.id)
    began = world.clock.now

    async def late(moment: str, operation: str, of: Kind | None) -> None:
        waits = world.clock.now < began + timedelta(seconds=30)
        if moment == "before" and (operation, of) == ("create", kind) and waits:
            raise Transient("not yet", after=1.0)

    world.cloud.faults.crash = late
    await world.turn(timedelta(seconds=29))
    assert on_cloud(world)[0]["port_id"] is None
    while on_cloud(world)[0]["port_id"] is None:
        await world.turn(timedelta(seconds=0))
        world.clock.move(timedelta(milliseconds=100))
    assert world.clock.now < began + timedelta(seconds=32), "at the next try of what was late"


async def test_ranges_of_ports_are_forwarded(world: World) -> None:
    outside = await lead_outside(world)
    async with world.region.write() as tx:
        mine = await router(tx, outside)
        port = await plug(tx, await joined(tx, mine), "s1")
        ip = await floating_ip(tx, outside)
        address = port.spec["fixed_ips"][0]["ip_address"]
        plain = {"protocol": "tcp", "internal_port_id": port.id, "internal_ip_address": address, "description": ""}
        unsaid = dict.fromkeys(("internal_port", "internal_port_range", "external_port", "external_port_range"))

        async def forward(**wanted: int | str) -> dict[str, Any]:
            return await port_forwardings.create(tx, WHO, ip.id, plain | unsaid | wanted, BOUND, NOW)

        many = await forward(internal_port_range="80:89", external_port_range="8080:8089")
        assert (many["internal_port"], many["external_port"]) == (None, None)
        one = await forward(internal_port=22, external_port_range="2200:2209")
        assert (one["internal_port"], one["internal_port_range"]) == (22, "22:22")
        for wanted, words in (
            (
                {"internal_port": 89, "external_port": 9},
                "internal_port_range. The following ranges collide: 80:89 and 89",
            ),
            (
                {"internal_port": 9, "external_port": 8080},
                "external_port_range. The following ranges collide: 8080:8089",
            ),
            ({"internal_port_range": "1:2", "external_port_range": "1:3"}, "must be N-N or 1-N"),
            ({"internal_port_range": "1:2", "external_port": 1}, "must be N-N or 1-N"),
            ({"external_port": 1}, "internal_port_range must be specified"),
        ):
            with pytest.raises(Invalid, match=words):
                await forward(**wanted)
    await world.turn()
    made = [{name: f.get(name) for name in unsaid} for f in on_cloud(world)[0]["port_forwardings"]]
    assert unsaid | {"internal_port_range": "80:89", "external_port_range": "8080:8089"} in made
    assert unsaid | {"internal_port": 22, "external_port_range": "2200:2209"} in made
    async with world.region.write() as tx:
        changed = {"internal_port_range": "80:80", "external_port": 8080}
        (after,) = [await port_forwardings.update(tx, WHO, ip.id, many["id"], changed, BOUND, NOW)]
    assert (after["internal_port"], after["external_port_range"]) == (80, "8080:8080")
    await world.turn()
    made = [{name: f.get(name) for name in unsaid} for f in on_cloud(world)[0]["port_forwardings"]]
    assert unsaid | {"internal_port": 80, "external_port": 8080} in made
    assert len(made) == 2
    async with world.region.read() as tx:
        shown = floating_ips.document(await resources.get(tx, Kind.FLOATING_IP, ip.id))["port_forwardings"]
    assert [(f.get("internal_port"), f.get("external_port")) for f in shown] == [(22, None), (80, 8080)]


async def test_of_two_routers_the_chosen_one_leads_in(world: World) -> None:
    outside = await lead_outside(world)
    async with world.region.write() as tx:
        best = await router(tx, outside)
        inside = await joined(tx, best)
        (subnet_id,) = inside.spec["subnets"]
        door = await ports.create(tx, WHO, {"network_id": inside.id}, NOW)
        other = await router(tx, outside)
        await router_interfaces.add(tx, WHO, other.id, {"port_id": door.id}, ZONES, NOW)
        port = await plug(tx, inside, "s1")
        ip = await floating_ip(tx, outside, port_id=port.id, router_id=other.id)
    await world.turn()
    await world.turn()
    async with world.region.write() as tx:
        there = [await realizations.on_backend(tx, Kind.ROUTER, one.id, "b1") for one in (best, other)]
        assert [row["router_id"] for row in on_cloud(world)] == [there[1].external_id if there[1] else ""]
        await floating_ips.update(tx, WHO, ip.id, {"port_id": None}, BOUND, None, NOW)
    await world.turn()
    async with world.region.write() as tx:
        await floating_ips.update(tx, WHO, ip.id, {"port_id": port.id}, BOUND, None, NOW)
    await world.turn()
    assert [row["router_id"] for row in on_cloud(world)] == [there[0].external_id if there[0] else ""]
    async with world.region.write() as tx:
        astray = await router(tx, outside)
        with pytest.raises(Conflict, match=f"Router {astray.id} is not on subnet {subnet_id}"):
            await floating_ips.update(tx, WHO, ip.id, {"router_id": astray.id}, BOUND, None, NOW)
        closed = await router(tx)
        with pytest.raises(Conflict, match="An unknown exception occurred"):
            await floating_ips.update(tx, WHO, ip.id, {"router_id": closed.id}, BOUND, None, NOW)


async def test_a_port_in_a_zone_keeps_its_mac(world: World) -> None:
    outside = await lead_outside(world)
    async with world.region.write() as tx:
        inside = await joined(tx, await router(tx, outside))
        port = await plug(tx, inside, "s1")
        with pytest.raises(Conflict, match="already bound, availability zone: az1") as refused:
            await ports.update(tx, WHO, port.id, {"mac_address": "fa:16:3e:00:00:09"}, None, NOW)
        assert refused.value.kind == "PortBound"

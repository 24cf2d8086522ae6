"""Ports that are reached from outside before a server has them: their network still spans zones where it can."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.reconcile.world import World
from tests.unit.network.network_rows import NOW
from tests.unit.network.outside import RECIPES, WHO, bound, floating_ip, joined, lead_outside, router
from vregion.model.interconnect import Join
from vregion.model.refusals import Conflict
from vregion.model.resource import Kind, Resource
from vregion.region import (
    associations,
    external_networks,
    floating_ips,
    images,
    networks,
    port_forwardings,
    ports,
    resources,
    server_boots,
)
from vregion.region.regions import Region, Transaction
from vregion.region.server_boots import Boot

JOIN = Join("wan", 1500, frozenset({"az1", "az2"}))
APART = [bound("az1"), bound("az2")]
JOINED = [replace(zone, joins=(JOIN,)) for zone in APART]


async def outside_of(tx: Transaction) -> str:
    """Each zone leads to the outside; the network's id."""
    for number, zone in enumerate(APART):
        subnet = {"id": "s", "cidr": f"203.0.{113 + number}.0/24", "ip_version": 4, "gateway_ip": None}
        found = {"id": "x", "name": "public", "subnets": [subnet | {"allocation_pools": []}]}
        await external_networks.join(tx, zone.backend_id, zone.availability_zone, found, NOW)
    return external_networks.network_id(tx.region_id)


async def drawn(tx: Transaction) -> tuple[str, Resource, Resource]:
    """The outside, a network that a router joins with it, and a port there that no server has."""
    outside = await outside_of(tx)
    inside = await joined(tx, await router(tx, outside))
    return outside, inside, await ports.create(tx, WHO, {"network_id": inside.id}, NOW)


async def network(tx: Transaction, network_id: str) -> Resource:
    return await resources.get(tx, Kind.NETWORK, network_id)


async def plug(tx: Transaction, zone: str, **asked: Any) -> Resource:
    binding = next(one for one in JOINED if one.availability_zone == zone)
    return await ports.plug(tx, WHO, asked, f"s-{zone}", WHO.project_id, binding, [], NOW)


async def test_a_floating_ip_leaves_the_network_to_all_joined_zones(region: Region) -> None:
    async with region.write() as tx:
        outside, inside, port = await drawn(tx)
        ip = await floating_ip(tx, outside, JOINED)
        await floating_ips.update(tx, WHO, ip.id, {"port_id": port.id}, JOINED, None, NOW)
        wide = await network(tx, inside.id)
        assert (wide.spec["interconnect"], wide.spec["mtu"], wide.spec["backends"]) == ("wan", 1500, {})
        await plug(tx, "az2", uuid=inside.id)
        assert networks.document(await network(tx, inside.id))["availability_zones"] == ["az2"]
    with pytest.raises(Conflict, match="is of availability zone az1"):
        async with region.write() as tx:
            await plug(tx, "az2", port=port.id)
    async with region.write() as tx:
        await plug(tx, "az1", port=port.id)
        assert networks.document(await network(tx, inside.id))["availability_zones"] == ["az1", "az2"]


async def test_so_does_one_that_is_made_for_a_port_and_a_forwarding(region: Region) -> None:
    async with region.write() as tx:
        outside, inside, port = await drawn(tx)
        await floating_ip(tx, outside, JOINED, port_id=port.id)
        assert (await network(tx, inside.id)).spec["interconnect"] == "wan"
    async with region.write() as tx:
        ip = await floating_ip(tx, outside, JOINED)
        below = await joined(tx, await router(tx, outside), "10.7.0.0/24")
        inner = await ports.create(tx, WHO, {"network_id": below.id}, NOW)
        address = inner.spec["fixed_ips"][0]["ip_address"]
        wanted = {"protocol": "tcp", "internal_port_id": inner.id, "internal_ip_address": address, "description": ""}
        wanted |= {"internal_port": 80, "external_port": 8080}
        await port_forwardings.create(tx, WHO, ip.id, wanted, JOINED, NOW)
        assert (await network(tx, below.id)).spec["interconnect"] == "wan"
        assert [one.id for one in await associations.leading_to(tx, WHO.project_id, [inner.id])] == [ip.id]


async def test_where_nothing_joins_the_zones_it_is_local(region: Region) -> None:
    async with region.write() as tx:
        outside, inside, port = await drawn(tx)
        await floating_ip(tx, outside, APART, port_id=port.id)
        local = await network(tx, inside.id)
        assert (local.spec.get("interconnect"), local.backend_id) == (None, "b1")
        with pytest.raises(Conflict, match="first used before interconnect wan joined the two"):
            await plug(tx, "az2", uuid=inside.id)


async def test_a_zone_that_goes_takes_no_new_association(region: Region) -> None:
    async with region.write() as tx:
        outside, _, port = await drawn(tx)
        ip = await floating_ip(tx, outside, JOINED)
        with pytest.raises(Conflict, match="az1 is being taken away"):
            await floating_ips.update(tx, WHO, ip.id, {"port_id": port.id}, JOINED[1:], None, NOW)


async def test_all_that_leads_to_a_port_is_of_one_zone(region: Region) -> None:
    async with region.write() as tx:
        outside, inside, _ = await drawn(tx)
        below = inside.spec["subnets"][0]
        port = await ports.create(tx, WHO, {"network_id": inside.id, "fixed_ips": [{"subnet_id": below}] * 2}, NOW)
        addresses = [ip["ip_address"] for ip in port.spec["fixed_ips"]]
        subnets = {s.availability_zone: s.id for s in await resources.children(tx, Kind.SUBNET, outside)}
        first = {"port_id": port.id, "fixed_ip_address": addresses[0], "subnet_id": subnets["az2"]}
        await floating_ip(tx, outside, JOINED, **first)
        second = {"port_id": port.id, "fixed_ip_address": addresses[1]}
        assert (await floating_ip(tx, outside, JOINED, **second)).availability_zone == "az2"
        other = await floating_ip(tx, outside, JOINED)
        with pytest.raises(Conflict, match=r"of availability zone az1, and floating IP \S+ of port \S+ is of az2"):
            await floating_ips.update(tx, WHO, other.id, second, JOINED, None, NOW)


async def test_a_server_goes_where_the_floating_ip_of_its_port_is(region: Region) -> None:
    async with region.write() as tx:
        outside, _, port = await drawn(tx)
        subnets = await resources.children(tx, Kind.SUBNET, outside)
        there = next(subnet for subnet in subnets if subnet.availability_zone == "az2")
        await floating_ip(tx, outside, JOINED, port_id=port.id, subnet_id=there.id)
        wanted = {"name": "i", "disk_format": "raw", "container_format": "bare"}
        image = await images.create(tx, WHO, wanted, NOW)
        await images.write(tx, image, NOW, spec={**image.spec, "size": 1}, status="active")
        server = {"name": "s", "imageRef": image.id, "networks": [{"port": port.id}], "adminPass": "secret"}
        flavor = {"vcpus": 1, "ram": 512, "disk": 1, "ephemeral": 0, "swap": 0, "original_name": "t", "extra_specs": {}}
        request = Boot(WHO, server, {}, "1", flavor, JOINED, frozenset({"b1", "b2"}), "http://api", NOW)
        with pytest.raises(Conflict, match="floating IP would be in different availability zones"):
            await server_boots.boot(tx, replace(request, server=server | {"availability_zone": "az1"}))
        (made,) = await server_boots.boot(tx, request)
        assert (made.availability_zone, made.backend_id) == ("az2", "b2")


async def test_without_a_segment_left_the_network_is_local_to_the_zone_of_its_port(tmp_path: Path) -> None:
    async with World(tmp_path, RECIPES) as world:
        world.joined.join(last=100)
        world.joined.given["wan", "somebody"] = 100
        outside = await lead_outside(world)
        async with world.region.write() as tx:
            inside = await joined(tx, await router(tx, outside))
            port = await ports.create(tx, WHO, {"network_id": inside.id}, NOW)
            await floating_ip(tx, outside, JOINED, port_id=port.id)
            await plug(tx, "az2", uuid=inside.id)
        await world.turn()
        async with world.region.read() as tx:
            local = await network(tx, inside.id)
        assert (local.backend_id, local.availability_zone, local.status) == ("b2", "az2", "ACTIVE")
        assert networks.document(local)["availability_zones"] == ["az2"]

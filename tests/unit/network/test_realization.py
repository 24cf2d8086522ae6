"""What becomes of a network's resources on a cloud, under virtual time: bodies, order, groups that name each other."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from tests.reconcile.world import World
from tests.unit.network.network_rows import CIDR, NOW, SLAAC, caller, network, subnet
from vregion.model.resource import Kind, State
from vregion.reconcile.recipes import RECIPES
from vregion.region import networks, ports, realizations, resources, security_groups, subnets

WHO = caller("project")


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, RECIPES) as made:
        yield made


def on_cloud(world: World, kind: Kind) -> list[dict[str, Any]]:
    """The cloud's own documents of a kind; its automatic default group aside."""
    return [row.document for row in world.cloud.of(kind) if row.document.get("name") != "default"]


async def test_a_plugged_port_brings_all_that_it_needs_with_our_addresses(world: World) -> None:
    async with world.region.write() as tx:
        on = await network(tx, WHO, name="front")
        await subnet(tx, WHO, on, **CIDR, dns_nameservers=["9.9.9.9"])
        await subnet(tx, WHO, on, **SLAAC)
        port = await ports.plug(tx, WHO, {"uuid": on.id}, "s1", WHO.project_id, world.binding(), [], NOW)
    await world.turn()
    (net,), (there,) = on_cloud(world, Kind.NETWORK), on_cloud(world, Kind.PORT)
    plain, automatic = sorted(on_cloud(world, Kind.SUBNET), key=lambda s: str(s["ip_version"]))
    (group,) = on_cloud(world, Kind.SECURITY_GROUP)
    assert net["name"] == "front"
    assert there["mac_address"] == port.spec["mac_address"]
    assert there["fixed_ips"][0]["ip_address"] == "10.0.0.2"
    # The automatic address it adds by itself, and refuses it when it is named.
    assert [ip["ip_address"] for ip in there["fixed_ips"]] == [ip["ip_address"] for ip in port.spec["fixed_ips"]]
    assert len(port.spec["fixed_ips"]) == 2
    assert there["security_groups"] == [group["id"]]
    assert plain["dns_nameservers"] == ["9.9.9.9"]
    assert plain["allocation_pools"] == [{"start": "10.0.0.3", "end": "10.0.0.3"}]
    assert automatic["ipv6_ra_mode"] == "slaac"
    named = [rule["remote_group_id"] for rule in group["security_group_rules"] if rule["direction"] == "ingress"]
    assert named == [group["id"], group["id"]]
    async with world.region.write() as tx:
        assert (await resources.get(tx, Kind.PORT, port.id)).status == there["status"]
        await ports.unplug(tx, port, NOW)
        await networks.delete(tx, WHO, on.id, None, NOW)
    await world.turn()
    assert not [on_cloud(world, kind) for kind in (Kind.NETWORK, Kind.SUBNET, Kind.PORT) if on_cloud(world, kind)]
    async with world.region.read() as tx:
        assert await resources.find(tx, Kind.NETWORK, on.id) is None


async def test_groups_that_name_each_other_are_made_without_waiting_for_ever(world: World) -> None:
    async with world.region.write() as tx:
        on = await network(tx, WHO)
        await subnet(tx, WHO, on, **CIDR)
        made = [await security_groups.create(tx, WHO, {"name": n, "stateful": True}, NOW) for n in ("a", "b", "c")]
        for one, other in zip(made, [*made[1:], made[0]], strict=True):
            rule = {
                "security_group_id": one.id,
                "direction": "ingress",
                "ethertype": "IPv4",
                "remote_group_id": other.id,
            }
            await security_groups.create_rules(tx, WHO, [rule], NOW)
        await ports.plug(tx, WHO, {"uuid": on.id}, "s1", WHO.project_id, world.binding(), [made[0].id], NOW)
    await world.turn()
    groups = {group["name"]: group for group in on_cloud(world, Kind.SECURITY_GROUP)}
    for first, second in ("ab", "bc", "ca"):
        named = {rule["remote_group_id"] for rule in groups[first]["security_group_rules"]}
        assert groups[second]["id"] in named
    assert len(on_cloud(world, Kind.PORT)) == 1


async def test_a_new_rule_about_a_group_that_is_not_there_brings_the_group(world: World) -> None:
    async with world.region.write() as tx:
        on = await network(tx, WHO)
        await subnet(tx, WHO, on, **CIDR)
        port = await ports.plug(tx, WHO, {"uuid": on.id}, "s1", WHO.project_id, world.binding(), [], NOW)
    await world.turn()
    async with world.region.write() as tx:
        late = await security_groups.create(tx, WHO, {"name": "late", "stateful": True}, NOW)
        group_id = port.spec["security_groups"][0]
        rule = {"security_group_id": group_id, "direction": "ingress", "ethertype": "IPv4", "remote_group_id": late.id}
        (made,) = await security_groups.create_rules(tx, WHO, [rule], NOW)
    await world.turn()
    groups = {group["name"]: group for group in on_cloud(world, Kind.SECURITY_GROUP)}
    told = [rule["remote_group_id"] for rule in groups["vregion-default"]["security_group_rules"]]
    assert told.count(groups["late"]["id"]) == 1
    async with world.region.write() as tx:
        await security_groups.delete(tx, WHO, late.id, None, NOW)
        assert await resources.find(tx, Kind.SECURITY_GROUP_RULE, made.id) is None
    await world.turn()
    groups = {group["name"]: group for group in on_cloud(world, Kind.SECURITY_GROUP)}
    assert set(groups) == {"vregion-default"}
    assert len(groups["vregion-default"]["security_group_rules"]) == 4


async def test_a_change_reaches_the_cloud_and_waits_for_a_new_group(world: World) -> None:
    async with world.region.write() as tx:
        on = await network(tx, WHO)
        first = await subnet(tx, WHO, on, **CIDR)
        port = await ports.plug(tx, WHO, {"uuid": on.id}, "s1", WHO.project_id, world.binding(), [], NOW)
    await world.turn()
    async with world.region.write() as tx:
        group = await security_groups.create(tx, WHO, {"name": "web", "stateful": True}, NOW)
        second = await subnet(tx, WHO, on, ip_version=4, cidr="10.1.0.0/24")
        wish = [*port.spec["fixed_ips"], {"subnet_id": second.id}]
        wanted = {"fixed_ips": wish, "security_groups": [group.id], "name": "eth0"}
        await ports.update(tx, WHO, port.id, wanted, None, NOW)
        await networks.update(tx, WHO, on.id, {"name": "renamed"}, None, NOW)
        await subnets.update(tx, WHO, first.id, {"enable_dhcp": False}, None, NOW)
    await world.turn()
    (there,), groups = on_cloud(world, Kind.PORT), on_cloud(world, Kind.SECURITY_GROUP)
    assert there["name"] == "eth0"
    assert [ip["ip_address"] for ip in there["fixed_ips"]] == ["10.0.0.2", "10.1.0.2"]
    assert there["security_groups"] == [g["id"] for g in groups if g["name"] == "web"]
    assert [net["name"] for net in on_cloud(world, Kind.NETWORK)] == ["renamed"]
    assert {s["cidr"]: s["enable_dhcp"] for s in on_cloud(world, Kind.SUBNET)} == {
        "10.0.0.0/24": False,
        "10.1.0.0/24": True,
    }


async def test_what_is_deleted_behind_our_back_is_told(world: World) -> None:
    async with world.region.write() as tx:
        on = await network(tx, WHO)
        await subnet(tx, WHO, on, **CIDR)
        port = await ports.plug(tx, WHO, {"uuid": on.id}, "s1", WHO.project_id, world.binding(), [], NOW)
    await world.turn()
    world.cloud.delete_behind_back(Kind.PORT, on_cloud(world, Kind.PORT)[0]["id"])
    async with world.region.write() as tx:
        await ports.look_again(tx, "s1", NOW)
    await world.turn()
    async with world.region.read() as tx:
        assert (await resources.get(tx, Kind.PORT, port.id)).status == "ERROR"
        (realization,) = await realizations.of_resource(tx, Kind.PORT, port.id)
        assert realization.state is State.LOST
    assert on_cloud(world, Kind.PORT) == []

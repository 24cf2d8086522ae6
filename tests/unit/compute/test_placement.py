"""Where servers and volumes go by the room that their zones' backends have, on both databases; and why."""

import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.unit.compute.test_servers import LARGE, ME, NOW, ZONES, an_image, asked
from tests.unit.network.network_rows import network, subnet
from vregion.model.backend import Binding
from vregion.model.refusals import Invalid
from vregion.model.resource import Kind, Resource, State
from vregion.region import (
    actions,
    external_networks,
    leases,
    placement,
    ports,
    qos_policies,
    realizations,
    resources,
    room,
    router_changes,
    router_gateways,
    router_interfaces,
    server_boots,
    trunks,
    usages,
    volume_creates,
)
from vregion.region.regions import Region, Transaction
from vregion.region.server_boots import Boot

FREE = tuple(replace(zone, default=False) for zone in ZONES)
OUTSIDE = {"cidr": "203.0.113.0/24", "gateway_ip": "203.0.113.1", "allocation_pools": []}
BEFORE = NOW - timedelta(seconds=30)


async def told(tx: Transaction, backend_id: str, at: datetime = BEFORE, **amounts: tuple[int, int]) -> None:
    await room.seen(tx, backend_id, amounts, {}, at)


async def placed(tx: Transaction, request: Boot | None = None, **server: Any) -> tuple[str, str]:
    """The zone of the first server and the words of its action."""
    request = request or asked(imageRef=await an_image(tx), **server)
    made = await server_boots.boot(tx, request)
    (action,) = await actions.of_server(tx, made[0].id)
    return str(made[0].availability_zone), action["events"][0]["details"]


async def test_a_full_default_zone_is_passed_by(region: Region) -> None:
    async with region.write() as tx:
        assert (await placed(tx))[0] == "az1", "nobody was asked yet"
        await told(tx, "one", instances=(10, 4), cores=(4, 4), ram=(-1, 2048))
        assert await placed(tx) == (
            "az2",
            "zone az2: the only one that will do; "
            "passed by: az1 has no room (5 of 4 cores in use, as of 2025-12-31T23:59:30Z)",
        )
        assert (await placed(tx, availability_zone="az1"))[0] == "az1", "who names a zone gets it"


async def test_what_was_placed_since_counts(region: Region) -> None:
    async with region.write() as tx:
        await told(tx, "one", instances=(2, 0))
        assert [(await placed(tx))[0] for _ in range(3)] == ["az1", "az1", "az2"]
        await told(tx, "one", NOW + timedelta(seconds=1), instances=(2, 0))
        assert (await placed(tx))[0] == "az1", "two servers that were written down before are the backend's to count"


async def test_what_waits_there_is_added_to_what_the_backend_counted(region: Region) -> None:
    async with region.write() as tx:
        flavor = asked(imageRef=await an_image(tx), max_count=3)
        servers = await server_boots.boot(tx, replace(flavor, flavor=LARGE))
        await volume_creates.create(tx, ME, {"size": 7, "availability_zone": "az1"}, ZONES, NOW)
        for server, columns in ((servers[0], {"external_id": "there"}), (servers[1], {"state": State.ERROR})):
            (there,) = await realizations.of_resource(tx, Kind.SERVER, server.id)
            await leases.save(tx, there, **columns)
        assert await room.waiting(tx, "one", NOW) == {}, "of that time, not of before"
        later = NOW + timedelta(seconds=1)
        expected = {"instances": 1, "cores": 4, "ram": 4096, "volumes": 1, "gigabytes": 7}
        assert await room.waiting(tx, "one", later) == expected
        assert await room.waiting(tx, "two", later) == {}
        await room.seen(tx, "one", {"cores": (9, 4)}, {"cores": 4}, later)
        assert (await room.known(tx))["one"].amounts == {"cores": (9, 8)}
        assert (await room.known(tx))["one"].lacks({"cores": 1}) == ""
        assert await room.fresh(tx, NOW) == {"one"}
        await room.forget(tx, "one")
        assert await room.known(tx) == {}


async def test_where_nobody_has_room_it_is_accepted_all_the_same(region: Region) -> None:
    async with region.write() as tx:
        await told(tx, "one", instances=(0, 0))
        await told(tx, "two", instances=(1, 1))
        zone, why = await placed(tx)
        assert zone == "az1"
        assert why.startswith(
            "zone az1: the tenant's default; none will do, and this one has no room (0 of 0 instances"
        )


async def test_all_that_is_asked_for_at_once_shall_fit(region: Region) -> None:
    async with region.write() as tx:
        await told(tx, "one", instances=(2, 0), volumes=(2, 0), gigabytes=(20, 0))
        assert (await placed(tx, max_count=2))[0] == "az1"
        await told(tx, "one", instances=(2, 0))
        assert (await placed(tx, max_count=3))[0] == "az2"
        await told(tx, "one", NOW + timedelta(seconds=1), gigabytes=(20, 15))
        disk = {"source_type": "image", "destination_type": "volume", "boot_index": 0, "delete_on_termination": True}
        disk |= {"uuid": await an_image(tx), "volume_size": 6}
        request = asked(block_device_mapping_v2=[disk])
        assert (await placed(tx, request))[0] == "az2"


async def test_the_emptiest_of_those_with_room(region: Region) -> None:
    three = (*FREE, Binding("b3", "region", "az3", "three", "enabled", False))
    async with region.write() as tx:

        async def new() -> Boot:  # of an image of its own, which is nowhere yet
            request = asked(imageRef=await an_image(tx))
            return replace(request, zones=three, having=frozenset({"one", "two", "three"}))

        assert [(await placed(tx, await new()))[0] for _ in range(2)] == ["az1", "az2"]
        await told(tx, "three", ram=(1024, 1024))
        zone, why = await placed(tx, await new())
        assert (zone, why.partition(";")[0]) == ("az1", "zone az1: the emptiest of 2")
        assert "az3 has no room (1024 of 1024 ram in use" in why


async def test_what_ties_the_server_counts_more_than_room(region: Region) -> None:
    async with region.write() as tx:
        await told(tx, "one", instances=(0, 0))
        volume = await volume_creates.create(tx, ME, {"size": 1, "availability_zone": "az1"}, ZONES, NOW)
        await resources.change(tx, volume, status="available", spec={**volume.spec, "bootable": "true"})
        disk = {"source_type": "volume", "destination_type": "volume", "uuid": volume.id, "boot_index": 0}
        request = asked(block_device_mapping_v2=[disk | {"delete_on_termination": False}])
        assert await placed(tx, request) == ("az1", f"zone az1: volume {volume.id} is there")


async def test_volumes_go_where_they_fit(region: Region) -> None:
    async def zone_of(tx: Transaction, **wanted: Any) -> str:
        return str((await volume_creates.create(tx, ME, {"size": 5, **wanted}, ZONES, NOW)).availability_zone)

    async with region.write() as tx:
        await told(tx, "one", volumes=(9, 0), gigabytes=(10, 0))
        assert [await zone_of(tx) for _ in range(3)] == ["az1", "az1", "az2"]
        assert await zone_of(tx, availability_zone="az1") == "az1"
        await told(tx, "two", volumes=(0, 0))
        assert await zone_of(tx) == "az1", "nobody has room: the default"


async def with_qos(tx: Transaction) -> Resource:
    """A network whose ports have a limit of bandwidth."""
    policy = await qos_policies.create(tx, ME, {"name": "q", "is_default": False, "shared": False}, NOW)
    rule = {"id": str(uuid.uuid4()), "type": "bandwidth_limit"}
    await resources.change(tx, policy, spec={**policy.spec, "rules": [rule]})
    net = await network(tx, ME)
    await subnet(tx, ME, net)
    net = await resources.get(tx, Kind.NETWORK, net.id)
    await resources.change(tx, net, spec={**net.spec, "qos_policy_id": policy.id})
    return net


@pytest.mark.parametrize(
    ("offered", "zone", "why"),
    [
        ({}, "az2", "; passed by: az1 has no QoS"),
        ({"dscp_marking": []}, "az2", "; passed by: az1 has no bandwidth_limit"),
        ({"bandwidth_limit": []}, "az1", ""),
        (None, "az1", ""),
    ],
)
async def test_a_zone_that_cannot_limit_is_passed_by(
    region: Region, offered: dict[str, list[Any]] | None, zone: str, why: str
) -> None:
    zones = (replace(ZONES[0], qos_rule_types=offered), replace(ZONES[1], qos_rule_types={"bandwidth_limit": []}))
    async with region.write() as tx:
        net = await with_qos(tx)
        request = asked(imageRef=await an_image(tx), networks=[{"uuid": net.id}])
        chosen, words = await placed(tx, replace(request, zones=zones))
    assert chosen == zone
    assert words.endswith(why or "the tenant's default")


async def test_a_zone_without_trunks_is_passed_by(region: Region) -> None:
    able = frozenset({"network.trunk"})
    async with region.write() as tx:
        net = await network(tx, ME)
        await subnet(tx, ME, net)
        port = await ports.create(tx, ME, {"network_id": net.id}, NOW)
        await trunks.create(tx, ME, {"port_id": port.id, "name": "", "admin_state_up": True, "sub_ports": []}, NOW)
        request = asked(imageRef=await an_image(tx), networks=[{"port": port.id}])
        zones = (replace(ZONES[0], capabilities=frozenset({"server.tags"})), replace(ZONES[1], capabilities=able))
        chosen, words = await placed(tx, replace(request, zones=zones))
    assert (chosen, words) == ("az2", "zone az2: the only one that will do; passed by: az1 has no trunks")


async def test_a_zone_without_names_is_passed_by_a_port_that_has_one(region: Region) -> None:
    zones = (replace(ZONES[0], capabilities=frozenset({"server.tags"})), ZONES[1])
    async with region.write() as tx:
        image_id = await an_image(tx)
        for name, words in (("", "the tenant's default"), ("web", "passed by: az1 has no names of ports")):
            net = await network(tx, ME)
            await subnet(tx, ME, net)
            port = await ports.create(tx, ME, {"network_id": net.id, "dns_name": name}, NOW)
            request = asked(imageRef=image_id, networks=[{"port": port.id}])
            chosen, told = await placed(tx, replace(request, zones=zones))
            assert (chosen, words in told) == ("az2" if name else "az1", True)


@pytest.mark.parametrize("number", [1, 2])
async def test_a_zone_whose_routers_have_one_gateway_is_passed_by_if_there_are_several(
    region: Region, number: int
) -> None:
    zones = (replace(ZONES[0], capabilities=frozenset({"server.tags"})), ZONES[1])
    found = {"id": "there", "subnets": [{"id": "sub", "ip_version": 4, **OUTSIDE}]}
    async with region.write() as tx:
        outside = await external_networks.join(tx, ZONES[1].backend_id, "az2", found, NOW)
        assert outside is not None
        wanted = {"name": "r", "admin_state_up": True, "availability_zone_hints": []}
        mine = await router_changes.create(tx, ME, wanted, {}, NOW)
        await router_gateways.add(tx, ME, mine.id, [{"network_id": outside.id}] * number, ZONES, NOW)
        net = await network(tx, ME)
        on = await subnet(tx, ME, net)
        await router_interfaces.add(tx, ME, mine.id, {"subnet_id": on.id}, {}, NOW)
        request = asked(imageRef=await an_image(tx), networks=[{"uuid": net.id}])
        chosen, words = await placed(tx, replace(request, zones=zones))
    passed_by = "passed by: az1 has no routers with several gateways"
    assert (chosen, passed_by in words) == (("az1", False) if number == 1 else ("az2", True))


async def test_a_zone_that_is_too_old_for_the_request_is_passed_by(region: Region) -> None:
    old = frozenset({"server.hostname", "server.networks.none"})
    new = old | {"server.hostname.fqdn"}
    async with region.write() as tx:
        request = asked(imageRef=await an_image(tx), hostname="www.example.org")
        zones = (replace(ZONES[0], capabilities=old), replace(ZONES[1], capabilities=new))
        chosen, words = await placed(tx, replace(request, zones=zones))
        plain = asked(imageRef=await an_image(tx), hostname="www")
        assert (await placed(tx, replace(plain, zones=zones)))[0] == "az1"
    assert (chosen, words) == ("az2", "zone az2: the only one that will do; passed by: az1 has no server.hostname.fqdn")


async def test_a_zone_that_was_named_and_is_too_old_is_refused_at_once(region: Region) -> None:
    old, new = frozenset({"server.networks.none"}), frozenset({"server.networks.none", "server.hostname"})
    zones = (replace(ZONES[0], capabilities=old), replace(ZONES[1], capabilities=new))
    words = r"The cloud of availability zone az1 is too old for this: no server\.hostname\."
    async with region.write() as tx:
        image = await an_image(tx)
        request = replace(asked(imageRef=image, hostname="www", availability_zone="az1"), zones=zones)
        with pytest.raises(Invalid, match=words):
            await server_boots.boot(tx, request)
        assert await resources.count(tx, resources.Query(Kind.SERVER)) == 0
        assert (await usages.limits(tx, "p1"))["instances"][1] == 0
        other = replace(request, server={**request.server, "availability_zone": "az2"})
        assert (await placed(tx, other))[0] == "az2"
        unknown = replace(request, zones=ZONES)
        assert (await placed(tx, unknown))[0] == "az1", "nobody has looked at its cloud yet"


async def test_nor_is_a_zone_too_old_for_the_request_that_follows_another_server(region: Region) -> None:
    old, new = frozenset({"server.networks.none"}), frozenset({"server.networks.none", "server.tags"})
    zones = (replace(ZONES[0], capabilities=old), replace(ZONES[1], capabilities=new))
    async with region.write() as tx:
        first, *_ = await server_boots.boot(tx, asked(imageRef=await an_image(tx), availability_zone="az1"))
        request = replace(asked(imageRef=await an_image(tx), tags=["one"]), hints={"same_host": first.id})
        with pytest.raises(Invalid, match="az1 is too old"):
            await server_boots.boot(tx, replace(request, zones=zones))


async def test_no_room_is_asked_for_where_there_is_no_choice(region: Region) -> None:
    async with region.write() as tx:
        await told(tx, "one", instances=(0, 0))
        wanted = placement.Wanted({"instances": 1}, frozenset({"one"}), None, [], [])
        assert [zone.full for zone in await placement.zones(tx, ZONES, None, wanted)] == ["", ""]

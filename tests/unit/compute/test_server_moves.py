"""Which shelved server may go to which zone, on both databases: one test a rule, and nothing is left of a refusal."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.compute.test_servers import ME, NOW, TINY, ZONES, an_image, asked, observe, seen
from tests.unit.network.network_rows import caller, network, subnet
from vregion.drivers.contract import Observed
from vregion.model.backend import Binding
from vregion.model.refusals import Conflict, OverQuota, Refusal
from vregion.model.resource import Kind, Resource
from vregion.reconcile.servers import body
from vregion.region import (
    actions,
    leases,
    networks,
    ports,
    realizations,
    resources,
    server_boots,
    server_groups,
    server_moves,
    servers,
    usages,
)
from vregion.region.regions import Region, Transaction
from vregion.region.server_moves import Shelved

AZ2 = ZONES[1]
SNAPSHOT = Observed(
    "snapshot",
    {"name": "s-shelved", "status": "active", "disk_format": "raw", "container_format": "bare", "size": 3,
     "os_distro": "none",
     "min_ram": 64, "instance_uuid": "external", "checksum": "c", "os_hash_algo": "sha512", "os_hash_value": "h"},
    settled=True,
)  # fmt: skip

SHELVED = Shelved(SNAPSHOT)


async def shelved(region: Region, **server: Any) -> Resource:
    """A server that is SHELVED_OFFLOADED in az1, under the external id 'external'."""
    async with region.write() as tx:
        (made,) = await server_boots.boot(tx, asked(imageRef=await an_image(tx), **server))
        (there,) = await realizations.of_resource(tx, Kind.SERVER, made.id)
        await leases.save(tx, there, external_id="external")
    await observe(region, made, seen())
    return await observe(region, made, seen("SHELVED_OFFLOADED", "shelved_offloaded"))


async def on_a_network(region: Region) -> Resource:
    async with region.write() as tx:
        net = await network(tx, ME)
        await subnet(tx, ME, net)
    return await shelved(region, networks=[{"uuid": net.id}], availability_zone="az1")


async def move(region: Region, server: Resource, to: Binding = AZ2) -> Resource:
    async with region.write() as tx:
        await server_moves.begin(tx, replace(ME, request_id=f"req-to-{to.id}"), server, to, SHELVED, NOW)
    async with region.read() as tx:
        return await servers.get(tx, server.id, None)


async def refused(
    region: Region, server: Resource, words: str, kind: type[Refusal] = Conflict, to: Binding = AZ2
) -> None:
    """Refused with these words; the rows are what they were."""
    before = await state(region, server)
    with pytest.raises(kind, match=words):
        await move(region, server, to)
    assert await state(region, server) == before


async def state(region: Region, server: Resource) -> tuple[Any, ...]:
    async with region.read() as tx:
        there = await realizations.resources_on(tx, "two")
        images = (await usages.limits(tx, ME.project_id))["images"][1]
        return await servers.get(tx, server.id, None), there, images, len(await actions.of_server(tx, server.id))


async def change(region: Region, server: Resource, **spec: Any) -> Resource:
    async with region.write() as tx:
        return await servers.write(tx, server, NOW, server.spec | spec)


async def test_it_is_wanted_there_and_still_here(region: Region) -> None:
    server = await move(region, await shelved(region, metadata={"a": "b"}))
    assert (server.status, server.availability_zone, server.spec["task_state"]) == (
        "SHELVED_OFFLOADED",
        "az1",
        "unshelving",
    )
    async with region.read() as tx:
        places = await realizations.of_resource(tx, Kind.SERVER, server.id)
        assert sorted((r.backend_id, r.wanted) for r in places) == [("one", True), ("two", True)]
        image = await resources.get(tx, Kind.IMAGE, server.spec["moving"]["image"])
        known = await usages.limits(tx, ME.project_id)
    assert (image.status, image.spec["name"], image.id) == ("active", "s-shelved", server.spec["shelved_image"])
    assert (image.spec["os_distro"], image.spec["instance_uuid"]) == ("none", server.id)
    assert [known[name][1] for name in ("instances", "cores", "ram", "images")] == [1, 1, 512, 2]


async def test_it_is_made_of_the_snapshot(region: Region) -> None:
    server = await move(region, await shelved(region))
    named = {(Kind.FLAVOR, "1"): "f", (Kind.IMAGE, server.spec["moving"]["image"]): "copy"}
    assert body(server, named)["imageRef"] == "copy"


@pytest.mark.parametrize("vm_state", ["active", "shelved", "stopped"])
async def test_only_an_offloaded_one(region: Region, vm_state: str) -> None:
    server = await change(region, await shelved(region), vm_state=vm_state)
    await refused(region, server, f"Cannot 'unshelve' instance .* while it is in vm_state {vm_state}")


async def test_not_twice(region: Region) -> None:
    server = await move(region, await shelved(region))
    await refused(region, server, "while it is in task_state unshelving")


async def test_not_a_locked_one(region: Region) -> None:
    await refused(region, await change(region, await shelved(region), locked=True), "is locked")


async def test_not_without_a_flavor_there(region: Region) -> None:
    with pytest.raises(Conflict, match="no flavor like its own in az2"):
        server_moves.require_movable(await shelved(region), AZ2, has_flavor=False)


async def test_not_to_a_cloud_that_is_too_old_for_it(region: Region) -> None:
    server = await change(region, await shelved(region), tags=["one"])
    old = replace(AZ2, capabilities=frozenset({"server.networks.none"}))
    with pytest.raises(Conflict, match=r"the cloud there is too old for it: no server\.tags"):
        server_moves.require_movable(server, old, has_flavor=True)
    server_moves.require_movable(server, replace(old, capabilities=old.capabilities | {"server.tags"}), has_flavor=True)


async def test_not_without_room_for_the_image(region: Region) -> None:
    async with region.write() as tx:
        await usages.set_limits(tx, ME.project_id, {"images": 1})
    server = await shelved(region)
    await refused(region, server, "image_count_total is over limit", OverQuota)


async def test_its_network_follows_it(region: Region) -> None:
    server = await move(region, await on_a_network(region))
    (followed,) = server.spec["moving"]["networks"]
    async with region.read() as tx:
        assert {kind for kind, _ in await realizations.resources_on(tx, "two")} >= {
            Kind.SERVER, Kind.PORT, Kind.NETWORK, Kind.SUBNET, Kind.SECURITY_GROUP, Kind.IMAGE,
        }  # fmt: skip
        net = await resources.get(tx, Kind.NETWORK, followed)
    assert net.availability_zone == "az1"
    for binding in ZONES:
        with pytest.raises(Conflict, match=r"is following a server to|is in availability zone az1"):
            async with region.write() as tx:
                await networks.settle_in(tx, net, binding)


async def test_a_network_with_other_ports_does_not_follow(region: Region) -> None:
    server = await on_a_network(region)
    async with region.write() as tx:
        (port,) = await ports.of_server(tx, server.id)
        other = await ports.create(tx, ME, {"network_id": port.spec["network_id"]}, NOW)
    await refused(region, server, f"other ports are on it: {other.id}")


async def test_a_network_of_another_project_does_not_follow(region: Region) -> None:
    async with region.write() as tx:
        net = await network(tx, caller("elsewhere", "admin"), shared=True)
        await subnet(tx, caller("elsewhere", "admin"), net)
    server = await shelved(region, networks=[{"uuid": net.id}], availability_zone="az1")
    await refused(region, server, "it is another project's")


async def test_a_network_whose_hint_is_another_zone_does_not_follow(region: Region) -> None:
    server = await on_a_network(region)
    async with region.write() as tx:
        (port,) = await ports.of_server(tx, server.id)
        net = await resources.get(tx, Kind.NETWORK, port.spec["network_id"])
        await resources.change(tx, net, spec={**net.spec, "availability_zone_hints": ["az1"]})
    await refused(region, server, "its hint is az1")


async def test_arrived_it_is_there_alone(region: Region) -> None:
    server = await move(region, await on_a_network(region))
    network_id = server.spec["moving"]["networks"][0]
    server = await arrived(region, server)
    assert (server.status, server.availability_zone, server.backend_id) == ("ACTIVE", "az2", "two")
    assert (server.spec["task_state"], server.spec.get("moving")) == (None, None)
    async with region.read() as tx:
        places = await realizations.of_resource(tx, Kind.SERVER, server.id)
        assert sorted((r.backend_id, r.wanted) for r in places) == [("one", False), ("two", True)]
        (port,) = await ports.of_server(tx, server.id)
        net = await resources.get(tx, Kind.NETWORK, network_id)
        assert (port.availability_zone, net.availability_zone) == ("az2", "az2")
        assert port.spec["device_owner"] == "compute:az2"
        newest = (await actions.of_server(tx, server.id))[0]
    assert [event["result"] for event in newest["events"]] == ["Success", "Success"]


async def test_what_is_left_of_an_earlier_move_must_go_first(region: Region) -> None:
    server = await arrived(region, await move(region, await shelved(region)))
    shelved_there = Observed("new", seen("SHELVED_OFFLOADED", "shelved_offloaded").document, settled=True)
    async with region.write() as tx:
        await server_moves.settled(tx, server, shelved_there)
    await refused(region, server, "earlier move is still being taken away", to=ZONES[0])


async def arrived(region: Region, server: Resource) -> Resource:
    """The new one was seen ACTIVE, under the external id 'new'."""
    async with region.write() as tx:
        there = await realizations.on_backend(tx, Kind.SERVER, server.id, "two")
        assert there is not None
        await leases.save(tx, there, external_id="new")
        await server_moves.settled(tx, server, Observed("new", seen().document, settled=True))
        return await servers.get(tx, server.id, None)


async def test_refused_there_it_is_what_it_was(region: Region) -> None:
    before = await on_a_network(region)
    server = await move(region, before)
    async with region.write() as tx:
        there = await realizations.on_backend(tx, Kind.SERVER, server.id, "two")
        assert there is not None
        await leases.save(tx, there, external_id="new")
        await server_moves.settled(tx, server, Observed("new", {}, settled=True, failed="No valid host was found."))
        server = await servers.get(tx, server.id, None)
        newest = (await actions.of_server(tx, server.id))[0]
        wanted = {r.backend_id: r.wanted for r in await realizations.of_resource(tx, Kind.SERVER, server.id)}
        assert (await usages.limits(tx, ME.project_id))["images"][1] == 2, "until the copy has gone"
    assert (server.status, server.availability_zone, server.spec["task_state"]) == ("SHELVED_OFFLOADED", "az1", None)
    assert wanted == {"one": True, "two": False}
    assert newest["events"][-1]["details"] == "zone az2: No valid host was found."


async def test_an_affinity_group_stays_together(region: Region) -> None:
    server = await shelved(region)
    async with region.write() as tx:
        group = await a_group(tx)
        (other,) = await server_boots.boot(tx, asked(imageRef=await an_image(tx), availability_zone="az1"))
        for member in (server, other):
            await realizations.need(tx, member, [(Kind.SERVER_GROUP, group)])
    await refused(region, await change(region, server, server_group=group), "members of its group .* stay together")


async def a_group(tx: Transaction) -> str:
    return (await server_groups.create(tx, ME, {"name": "g", "policy": "affinity"}, NOW)).id


async def test_a_deleted_keypair_is_not_asked_for(region: Region) -> None:
    server = await move(region, await change(region, await shelved(region), keypair="gone"))
    assert server.spec["moving"]["keypair"] is None
    assert TINY["ram"] == server.spec["reserved"]["ram"]

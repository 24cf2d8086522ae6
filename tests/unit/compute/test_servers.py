"""A server's rows through its life, on both databases: what is reserved is given back to the last unit."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from tests.unit.network.network_rows import network, subnet
from vregion.drivers.contract import Observed
from vregion.model.backend import Binding
from vregion.model.caller import Caller
from vregion.model.refusals import Conflict, Invalid, OverQuota
from vregion.model.resource import Kind, Resource
from vregion.reconcile.servers import body, update
from vregion.region import (
    actions,
    images,
    ports,
    realizations,
    resources,
    server_boots,
    server_changes,
    server_documents,
    servers,
    usages,
)
from vregion.region import volumes as volume_rows
from vregion.region.regions import Region, Transaction
from vregion.region.resources import Filter, Query
from vregion.region.server_boots import Boot

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ME = Caller("user", "project", "domain", "region", frozenset({"member"}), "req-1")
ZONES = (
    Binding("b1", "region", "az1", "one", "enabled", True),
    Binding("b2", "region", "az2", "two", "enabled", False),
)
TINY = {"vcpus": 1, "ram": 512, "disk": 1, "ephemeral": 0, "swap": 0, "original_name": "tiny", "extra_specs": {}}
LARGE = TINY | {"vcpus": 4, "ram": 4096, "original_name": "large"}


def asked(**server: Any) -> Boot:
    given = {"name": "s", "networks": "none", "adminPass": "secret", **server}
    return Boot(ME, given, {}, "1", TINY, ZONES, frozenset({"one", "two"}), "http://api/compute/v2.1", NOW)


async def an_image(tx: Transaction, **spec: Any) -> str:
    image = await images.create(tx, ME, {"name": "i", "disk_format": "raw", "container_format": "bare"}, NOW)
    return (await images.write(tx, image, NOW, spec={**image.spec, "size": 1, **spec}, status="active")).id


async def booted(tx: Transaction, **server: Any) -> list[Resource]:
    return await server_boots.boot(tx, asked(imageRef=await an_image(tx), **server))


async def used(tx: Transaction) -> dict[str, int]:
    known = await usages.limits(tx, ME.project_id)
    return {name: known[name][1] for name in ("instances", "cores", "ram", "volumes", "gigabytes")}


def seen(status: str = "ACTIVE", vm_state: str = "active", task: str | None = None, **more: Any) -> Observed:
    document = {
        "status": status,
        "OS-EXT-STS:vm_state": vm_state,
        "OS-EXT-STS:task_state": task,
        "OS-EXT-STS:power_state": 1,
        "flavor": TINY,
        "locked": False,
    }
    failed = more.pop("failed", None)
    return Observed("external", document | more, settled=task is None and vm_state != "building", failed=failed)


async def observe(region: Region, server: Resource, observed: Observed) -> Resource:
    async with region.write() as tx:
        await servers.settled(tx, await servers.get(tx, server.id, None), observed)
        return await servers.get(tx, server.id, None)


async def test_accepted(region: Region) -> None:
    async with region.write() as tx:
        (server,) = await booted(tx, metadata={"a": "b"}, tags=["t", "t"])
        assert tx.ring
        there = await realizations.of_resource(tx, Kind.SERVER, server.id)
        assert [(r.backend_id, r.wanted) for r in there] == [("one", True)]
        assert (await used(tx))["instances"] == 1
        (action,) = await actions.of_server(tx, server.id)
    document = orjson.loads(server.document)
    assert (document["status"], document["OS-EXT-STS:task_state"]) == ("BUILD", "scheduling")
    assert document["tags"] == ["t"]
    assert action["events"][0]["details"] == "zone az1: the tenant's default"


async def test_several_are_numbered_and_fewer_when_the_quota_says_so(region: Region) -> None:
    async with region.write() as tx:
        await usages.set_limits(tx, ME.project_id, {"instances": 2})
        made = await booted(tx, min_count=1, max_count=3)
        assert [server.name for server in made] == ["s-1", "s-2"]
        assert len({server.spec["reservation_id"] for server in made}) == 1
    with pytest.raises(OverQuota, match="Quota exceeded for instances: Requested 1, but already used 2 of 2 instances"):
        async with region.write() as tx:
            await booted(tx)
    async with region.read() as tx:
        assert (await used(tx)) == {"instances": 2, "cores": 2, "ram": 1024, "volumes": 0, "gigabytes": 0}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"min_ram": 1024}, "memory is too small"),
        ({"min_disk": 5}, "smaller than the minimum"),
        ({"size": 2 << 30}, "too small"),
    ],
)
async def test_an_image_that_does_not_fit(region: Region, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        async with region.write() as tx:
            await server_boots.boot(tx, asked(imageRef=await an_image(tx, **spec)))


async def test_it_arrives_and_secrets_are_forgotten(region: Region) -> None:
    async with region.write() as tx:
        (server,) = await booted(tx)
        assert server.spec["adminPass"] == "secret"
    await observe(region, server, seen("BUILD", "building", "spawning"))
    server = await observe(region, server, seen())
    assert "adminPass" not in server.spec
    assert server.status == "ACTIVE"
    assert orjson.loads(server.document)["OS-EXT-STS:vm_state"] == "active"
    async with region.read() as tx:
        assert await realizations.needed(tx, server, "one") == {}
        (action,) = await actions.of_server(tx, server.id)
    assert [event["result"] for event in action["events"]] == ["Success", "Success"]


async def test_nothing_new_writes_nothing(region: Region) -> None:
    async with region.write() as tx:
        (server,) = await booted(tx)
    first = await observe(region, server, seen())
    assert (await observe(region, server, seen())).updated_at == first.updated_at


async def test_it_is_found_by_the_fixed_addresses_that_it_shows(region: Region) -> None:
    async def found(tx: Transaction, part: str) -> list[str]:
        wanted = Query(Kind.SERVER, filters=[Filter("fixed_ips_v4", part, "contains")])
        return [row.id for row in await resources.list_resources(tx, wanted)]

    async with region.write() as tx:
        on = await network(tx, ME)
        await subnet(tx, ME, on, ip_version=4, cidr="10.0.0.0/24")
        (server,) = await booted(tx, networks=[{"uuid": on.id, "fixed_ip": "10.0.0.7"}])
        assert await found(tx, "10.0.0.7") == []
    await observe(region, server, seen())
    async with region.write() as tx:
        assert await found(tx, "10.0.0.7") == [server.id]
        (port,) = await ports.of_server(tx, server.id)
        await ports.update(tx, ME, port.id, {"fixed_ips": [{"ip_address": "10.0.0.90"}]}, None, NOW)
        await servers.redraw(tx, server.id)
        assert (await found(tx, "10.0.0.7"), await found(tx, "10.0.0.90")) == ([], [server.id])


async def test_a_failure_is_a_fault_with_our_id(region: Region) -> None:
    async with region.write() as tx:
        (server,) = await booted(tx)
    fault = {"code": 500, "created": "2026-01-01T00:00:00Z", "message": "no host for external"}
    server = await observe(region, server, seen("ERROR", "error", fault=fault, failed="no host"))
    document = orjson.loads(server.document)
    assert document["fault"]["message"] == f"no host for {server.id}"
    assert "progress" not in document
    async with region.read() as tx:
        (action,) = await actions.of_server(tx, server.id)
    assert action["message"] == "Error"


async def test_lost_is_shown_and_kept(region: Region) -> None:
    async with region.write() as tx:
        (server,) = await booted(tx)
    server = await observe(region, server, seen())
    async with region.write() as tx:
        await servers.lost(tx, server)
        server = await servers.get(tx, server.id, None)
        assert (await used(tx))["instances"] == 1
    assert orjson.loads(server.document)["fault"]["message"] == servers.GONE


async def test_a_change_bumps_the_generation_once(region: Region) -> None:
    async with region.write() as tx:
        (server,) = await booted(tx)
        server = await servers.update(tx, server, {"name": "new", "tags": ["x"]}, NOW)
        assert (server.generation, server.name) == (2, "new")
        assert (await servers.update(tx, server, {"name": "new"}, NOW)).generation == 2
    assert update(server, {})["tags"] == ["x"]


async def test_deleted_while_it_is_built_gives_everything_back(region: Region) -> None:
    disk = {"source_type": "blank", "destination_type": "volume", "volume_size": 3, "delete_on_termination": True}
    async with region.write() as tx:
        image = await an_image(tx)
        root = {"source_type": "image", "destination_type": "volume", "uuid": image, "boot_index": 0, "volume_size": 2}
        (server,) = await server_boots.boot(tx, asked(block_device_mapping_v2=[root, disk]))
        assert await used(tx) == {"instances": 1, "cores": 1, "ram": 512, "volumes": 2, "gigabytes": 5}
        assert [d["source_type"] for d in server.spec["block_device_mapping_v2"]] == ["volume", "volume"]
    async with region.write() as tx:
        await servers.delete(tx, ME, server, NOW)
        shown = await servers.get(tx, server.id, None)
        assert orjson.loads(shown.document)["OS-EXT-STS:task_state"] == "deleting"
        await servers.vanished(tx, shown)
        kept, gone = (
            await resources.find_many(tx, Kind.VOLUME, [v["volumeId"] for v in server.spec["volumes"]])
        ).values()
        if gone.deleting is False:
            kept, gone = gone, kept
        assert (kept.status, gone.deleting) == ("available", True)
        await volume_rows.vanished(tx, gone)
        assert await used(tx) == {"instances": 0, "cores": 0, "ram": 0, "volumes": 1, "gigabytes": 2}


async def test_a_resize_holds_the_larger_until_it_is_over(region: Region) -> None:
    async with region.write() as tx:
        (server,) = await booted(tx)
    server = await observe(region, server, seen())
    async with region.write() as tx:
        await server_changes.begin_resize(tx, server, "2", LARGE, NOW)
        assert (await used(tx))["ram"] == 4096
    server = await observe(region, server, seen("RESIZE", "active", "resize_prep"))
    assert server.spec["flavorRef"] == "1"
    server = await observe(region, server, seen("VERIFY_RESIZE", "resized", flavor=LARGE))
    assert orjson.loads(server.document)["flavor"]["original_name"] == "large"
    with pytest.raises(Conflict):
        async with region.write() as tx:
            await server_changes.begin_resize(tx, server, "3", TINY, NOW)
    server = await observe(region, server, seen())
    assert server.spec["flavorRef"] == "1"
    async with region.read() as tx:
        assert await used(tx) == {"instances": 1, "cores": 1, "ram": 512, "volumes": 0, "gigabytes": 0}


async def test_a_confirmed_resize_keeps_the_new_one(region: Region) -> None:
    async with region.write() as tx:
        (server,) = await booted(tx)
    server = await observe(region, server, seen())
    async with region.write() as tx:
        await server_changes.begin_resize(tx, server, "2", LARGE, NOW)
    for observed in (seen("VERIFY_RESIZE", "resized", flavor=LARGE), seen(flavor=LARGE)):
        server = await observe(region, server, observed)
    assert (server.spec["flavorRef"], "resize" in server.spec) == ("2", False)
    async with region.read() as tx:
        assert (await used(tx))["cores"] == 4


async def test_a_look_from_before_a_resize_does_not_end_it(region: Region) -> None:
    async with region.write() as tx:
        (server,) = await booted(tx)
    server = await observe(region, server, seen())
    async with region.write() as tx:
        await server_changes.begin_resize(tx, server, "2", LARGE, datetime.now(UTC))
    server = await observe(region, server, seen())
    server = await observe(region, server, seen("VERIFY_RESIZE", "resized", flavor=LARGE))
    assert server.spec["flavorRef"] == "2"
    async with region.read() as tx:
        assert (await used(tx))["ram"] == 4096


async def test_a_resize_that_never_began_is_over_after_a_while(region: Region) -> None:
    async with region.write() as tx:
        (server,) = await booted(tx)
    server = await observe(region, server, seen())
    async with region.write() as tx:
        await server_changes.begin_resize(tx, server, "2", LARGE, datetime.now(UTC) - servers.RESIZE_SHOWS)
    server = await observe(region, server, seen())
    assert "resize" not in server.spec
    async with region.read() as tx:
        assert (await used(tx))["ram"] == 512


async def test_a_refused_resize_leaves_nothing(region: Region) -> None:
    async with region.write() as tx:
        (server,) = await booted(tx)
        await server_changes.begin_resize(tx, server, "2", LARGE, NOW)
        await server_changes.forget_resize(tx, server.id, NOW)
        assert (await used(tx))["ram"] == 512
        assert "resize" not in (await servers.get(tx, server.id, None)).spec


async def test_a_locked_server(region: Region) -> None:
    async with region.write() as tx:
        (server,) = await booted(tx)
    server = await observe(region, server, seen(locked=True, locked_reason="mine"))
    with pytest.raises(Conflict, match="is locked"):
        servers.require_unlocked(server, is_admin=False)
    servers.require_unlocked(server, is_admin=True)


async def test_the_recipes_body_has_external_ids_and_nothing_is_lost(region: Region) -> None:
    given = {
        "user_data": "YQ==",
        "config_drive": "true",
        "description": "d",
        "hostname": "h",
        "accessIPv4": "192.0.2.1",
    }
    async with region.write() as tx:
        (server,) = await booted(tx, **given, metadata={"a": "b"}, tags=["t"])
    references = {(Kind.FLAVOR, "1"): "their-flavor", (Kind.IMAGE, server.spec["imageRef"]): "their-image"}
    assert body(server, references) == given | {
        "name": "s",
        "adminPass": "secret",
        "metadata": {"a": "b"},
        "tags": ["t"],
        "config_drive": True,
        "OS-DCF:diskConfig": "MANUAL",
        "networks": "none",
        "flavorRef": "their-flavor",
        "imageRef": "their-image",
    }
    with pytest.raises(KeyError):
        body(server, {(Kind.IMAGE, server.spec["imageRef"]): "their-image"})


async def test_a_request_and_an_observation_that_meet_lose_nothing(region: Region) -> None:
    async with region.write() as tx:
        (server,) = await booted(tx)

    async def rename() -> None:
        async with region.write() as tx:
            held = await servers.hold(tx, server.id, None)
            await asyncio.sleep(0.1)
            await servers.update(tx, held, {"name": "renamed"}, NOW)

    async def look() -> None:
        await asyncio.sleep(0.03)
        async with region.write() as tx:
            await servers.settled(tx, server, seen())

    await asyncio.gather(rename(), look())
    async with region.read() as tx:
        after = await servers.get(tx, server.id, None)
    assert (after.name, after.spec["name"], after.status) == ("renamed", "renamed", "ACTIVE")
    document = orjson.loads(after.document)
    assert (document["name"], document["status"], after.spec["vm_state"]) == ("renamed", "ACTIVE", "active")


async def test_without_security_groups_it_shows_none(region: Region) -> None:
    async with region.write() as tx:
        (server,) = await booted(tx)
        shown = orjson.loads(server.document)
    assert shown["security_groups"] == [{"name": "default"}]
    assert "security_groups" not in server_documents.grouped(shown, [])
    assert server_documents.grouped(shown, ["web"])["security_groups"] == [{"name": "web"}]

"""Filters, sort keys and pages of the server list as queries, on both databases."""

import uuid
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from starlette.requests import Request

from vregion.api.compute import server_lists
from vregion.api.compute.servers import RULES
from vregion.api.compute.servers import _documents as documents_of
from vregion.api.compute.told import Told
from vregion.api.http import Call, Resources
from vregion.api.policy import Policy
from vregion.model.caller import Caller
from vregion.model.microversion import Microversion
from vregion.model.refusals import Forbidden, Invalid
from vregion.model.resource import Kind, Resource
from vregion.region import resources, server_documents, servers
from vregion.region.regions import Region

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RULE = "os_compute_api:servers:index"


def a_server(name: str, minute: int, status: str = "ACTIVE", **spec: Any) -> Resource:
    states = {"ACTIVE": "active", "REBOOT": "active", "SHUTOFF": "stopped", "DELETED": "deleted"}
    known = {"vm_state": states[status], "locked": False, "power_state": 1, "imageRef": "i1", "flavorRef": "1"}
    at = NOON + timedelta(minutes=minute)
    zone = "az2" if minute % 2 else "az1"
    return Resource(
        name, Kind.DELETED_SERVER if status == "DELETED" else Kind.SERVER, spec.pop("project", "p1"), "u1",
        name, status, at, at, known | spec,
        orjson.dumps({"name": name}), availability_zone=zone,
    )  # fmt: skip


SERVERS = [
    a_server("web-1", 0, tags=["red", "blue"], fixed_ips_v4="10.0.0.4\n10.0.1.4", launch_index=2),
    a_server("web-2", 1, "SHUTOFF", tags=["red"], locked=True, key_name="k", fixed_ips_v6="fd::10:4", launch_index=10),
    a_server("db%1", 2, "REBOOT", imageRef="i2", config_drive=True, reservation_id="r-1"),
    a_server("other", 3, project="p2"),
    a_server("gone-1", 4, "DELETED"),
    a_server("gone-2", 5, "DELETED", project="p2"),
]


def a_call(text: str, roles: str = "member", minor: int = 104) -> Call:
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": text.encode()}
    caller = Caller("u1", "p1", "d", "r", frozenset({roles}), "req")
    nothing: Any = None
    use: Resources = nothing
    return Call(caller, nothing, use, Request(scope), {}, Microversion(2, minor), "http://api/v2.1", Policy(RULES))


async def names(region: Region, text: str, roles: str = "member", minor: int = 104) -> list[str]:
    call = a_call(text, roles, minor)
    asked = {name: call.query.getlist(name) for name in call.query}
    async with region.write() as tx:
        if not await resources.find_many(tx, Kind.SERVER, ["web-1"]):
            await resources.insert_resources(tx, SERVERS)
        query = server_lists.query(call, asked, RULE)
        return [orjson.loads(document)["name"] for document in await resources.list_documents(tx, query)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["db%1", "web-2", "web-1"]),
        ("name=web", ["web-2", "web-1"]),
        ("name=^web-1$", ["web-1"]),
        ("name=WEB", []),
        ("name=w.b-(1|3)", ["web-1"]),
        ("name=%251", ["db%1"]),
        ("status=ACTIVE", ["db%1", "web-1"]),
        ("status=REBOOT", ["db%1"]),
        ("status=shutoff&status=reboot", ["db%1", "web-2"]),
        ("image=i2", ["db%1"]),
        ("flavor=2", []),
        ("availability_zone=az2", ["web-2"]),
        ("tags=red", ["web-2", "web-1"]),
        ("tags=red,blue", ["web-1"]),
        ("tags-any=blue,green", ["web-1"]),
        ("not-tags=red,blue", ["db%1", "web-2"]),
        ("not-tags-any=red,blue", ["db%1"]),
        ("tags=RED", []),
        ("ip=10.0.1", ["web-1"]),
        ("ip=10", ["web-1"]),
        ("ip=^10\\.0\\.1\\.4$", ["web-1"]),
        ("ip=%25", []),
        ("ip6=10:4", ["web-2"]),
        ("ip6=fd:1", []),
        ("locked=true", ["web-2"]),
        ("sort_key=locked&sort_dir=asc&limit=1&marker=web-1", ["web-2"]),
        ("sort_key=locked&sort_dir=asc", ["db%1", "web-1", "web-2"]),  # of equals the lowest id first ...
        ("sort_key=locked&sort_dir=desc", ["web-2", "db%1", "web-1"]),  # ... in either direction
        ("sort_key=locked&sort_dir=desc&limit=1&marker=db%251", ["web-1"]),
        ("sort_key=launch_index&sort_dir=asc", ["db%1", "web-1", "web-2"]),
        ("sort_key=launch_index&sort_dir=desc&limit=2&marker=web-2", ["web-1", "db%1"]),
        ("key_name=k", ["web-2"]),
        ("config_drive=true", ["db%1"]),
        ("config_drive=false", ["web-2", "web-1"]),
        ("reservation_id=r-1", ["db%1"]),
        ("changes-since=2026-01-01T12:01:00Z", ["gone-1", "db%1", "web-2"]),
        ("changes-since=2026-01-01T12:01:00Z&name=gone", ["gone-1"]),
        ("changes-since=2026-01-01T12:01:00Z&status=ACTIVE", ["db%1"]),
        ("changes-since=2026-01-01T12:01:00Z&status=ACTIVE&status=DELETED", ["gone-1", "db%1"]),
        ("changes-since=2026-01-01T12:01:00Z&limit=1&marker=gone-1", ["db%1"]),
        ("changes-since=2026-01-01T12:01:00Z&deleted=false", ["gone-1", "db%1", "web-2"]),
        ("changes-before=2026-01-01T12:04:00Z", ["gone-1", "db%1", "web-2", "web-1"]),
        ("status=ACTIVE&status=DELETED", ["db%1", "web-1"]),
        ("changes-before=2026-01-01T12:00:00", ["web-1"]),
        ("sort_key=display_name&sort_dir=asc", ["db%1", "web-1", "web-2"]),
        ("sort_key=availability_zone&sort_key=display_name&sort_dir=desc", ["web-2", "web-1", "db%1"]),
        ("limit=1", ["db%1"]),
        ("limit=1&marker=db%251", ["web-2"]),
        ("deleted=true", ["db%1", "web-2", "web-1"]),  # no filter for one who is no admin
        ("power_state=1&vm_state=stopped", ["web-2"]),
    ],
)
async def test_found(region: Region, text: str, found: list[str]) -> None:
    assert await names(region, text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("all_tenants=1&limit=1", ["other"]),
        ("all_tenants=&project_id=p2", ["other"]),
        ("project_id=p2", ["db%1", "web-2", "web-1"]),
        ("deleted=true", ["gone-1"]),
        ("deleted=perhaps", ["db%1", "web-2", "web-1"]),
        ("deleted=true&all_tenants=1", ["gone-2", "gone-1"]),
        ("deleted=true&marker=gone-1", []),
        ("status=deleted", ["gone-1"]),
        ("changes-since=2026-01-01T12:01:00Z&deleted=false", ["db%1", "web-2"]),
        ("changes-since=2026-01-01T12:01:00Z&deleted=true", ["gone-1"]),
        ("host=somewhere", []),
    ],
)
async def test_an_admin_finds(region: Region, text: str, found: list[str]) -> None:
    assert await names(region, text, "admin") == found


async def test_filters_come_with_their_microversions(region: Region) -> None:
    assert await names(region, "tags=red", minor=25) == ["db%1", "web-2", "web-1"]
    assert await names(region, "locked=true", minor=72) == ["db%1", "web-2", "web-1"]
    assert await names(region, "status=dancing", minor=37) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("status=dancing", "Invalid status value"),
        ("marker=nobody", r"marker \[nobody\] not found"),
        ("marker=gone-1", r"marker \[gone-1\] not found"),
        ("changes-since=2026-01-01T12:01:00Z&marker=gone-2", r"marker \[gone-2\] not found"),
        ("marker=other", r"marker \[other\] not found"),
        ("sort_dir=up", "Unknown sort direction"),
        ("sort_key=uuid&sort_dir=asc&sort_dir=asc", "size exceeds"),
        ("locked=perhaps", "Unrecognized value 'perhaps'"),
        ("changes-since=2026-02-01T00:00:00Z&changes-before=2026-01-01T00:00:00Z", "less than or equal"),
    ],
)
async def test_refused(region: Region, text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        await names(region, text)


@pytest.mark.parametrize("text", ["all_tenants=1", "status=deleted", "sort_key=host"])
async def test_an_admins_alone(region: Region, text: str) -> None:
    with pytest.raises(Forbidden):
        await names(region, text)


async def test_other_tables_are_no_filters(region: Region) -> None:
    with pytest.raises(Invalid, match="Invalid filter field: metadata"):
        await names(region, "metadata=1", "admin")


async def listed(region: Region, minor: int) -> list[dict[str, Any]]:
    """As the list of servers with details shows them."""
    query = resources.Query(Kind.SERVER, "p1", limit=10, also=Kind.DELETED_SERVER)
    async with region.read() as tx:
        ids, documents = await documents_of(a_call("", minor=minor), tx, query)
    shown: list[dict[str, Any]] = [orjson.loads(document) for document in documents]
    assert ids == [one["id"] for one in shown]
    return shown


@pytest.mark.parametrize("minor", [1, 96, 104])
async def test_what_was_told_is_told_again_until_it_is_written(
    region: Region, minor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two writes at one moment are two; a row that has gone is told no more."""
    known = [replace(one, id=str(uuid.uuid4()), document=b"") for one in (SERVERS[0], SERVERS[1], SERVERS[4])]
    known = [replace(one, document=orjson.dumps({"id": one.id, "locked_reason": None})) for one in known]
    async with region.write() as tx:
        await resources.insert_resources(tx, known)
    assert {one["id"] for one in await listed(region, minor)} == {one.id for one in known}
    asked = Counter[str]()
    read = resources.columns_of

    async def counting(tx: Any, places: Any, *names: str) -> Any:
        asked.update(name for _, name in await read(tx, places, "id"))
        return await read(tx, places, *names)

    monkeypatch.setattr(resources, "columns_of", counting)
    server = known[0]
    for words in ("first", "second"):
        async with region.write() as tx:
            document: dict[str, Any] = {"id": server.id, "name": words, "addresses": {}}
            document["OS-EXT-SRV-ATTR:hostname"] = "h"
            server = await servers.write(tx, server, NOON, server.spec, document=document)
        shown = {one["id"]: one for one in await listed(region, minor)}
        assert shown[server.id]["name"] == words
        assert ("locked_reason" in shown[known[1].id]) == (minor > 72)
    assert asked == {server.id: 2}
    async with region.write() as tx:
        await resources.remove(tx, Kind.SERVER, server.id)
    assert {one["id"] for one in await listed(region, minor)} == {known[1].id, known[2].id}


@pytest.mark.parametrize("minor", [1, 89, 96, 104])
async def test_an_admin_is_told_more_than_others(region: Region, minor: int) -> None:
    """Whoever asks first, each is told his own form, and the page has no more than its limit."""
    spec: dict[str, Any] = {
        "user_data": "c2g=",
        "launch_index": 3,
        "reservation_id": "r-2",
        server_documents.HOSTNAME: "h",
    }
    one = a_server(str(uuid.uuid4()), 1, **spec)
    async with region.write() as tx:
        await resources.insert_resources(tx, [replace(one, name="n"), a_server(str(uuid.uuid4()), 0)])
    shown = []
    for role in ("member", "admin", "member", "admin"):
        async with region.read() as tx:
            _, (document,) = await documents_of(a_call("", role, minor), tx, resources.Query(Kind.SERVER, limit=1))
        shown.append({key.partition(":")[2]: value for key, value in orjson.loads(document).items() if ":" in key})
    own: dict[str, Any] = {"host": None, "instance_name": "n", "hypervisor_hostname": None}
    later = {"kernel_id": "", "launch_index": 3, "ramdisk_id": "", "reservation_id": "r-2", "user_data": "c2g="}
    admins = own | later | {"root_device_name": "/dev/vda"} if minor > 2 else own
    admins |= {"hostname": "h"} if minor == 89 else {}
    assert shown == [{}, admins, {}, admins]


def test_of_what_was_told_the_newest_is_kept() -> None:
    told = Told(6)
    one, two, three = keys = [("one",), ("two",), ("three",)]
    for key in (one, two, two, three):
        told.keep({key: b"{ }"})
    assert told.get(keys) == [None, b"{ }", b"{ }"]
    told.keep({one: b"x" * 7})
    assert told.get([three]) == [None]
    told.clear()
    told.keep(dict.fromkeys((one, two), b"{ }"))
    assert told.get([one, two]) == [b"{ }", b"{ }"]

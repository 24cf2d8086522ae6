"""Nova's old view of volumes and snapshots, until 2.35, and servers under the name of their disks. Cinder's rows."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from vregion.api.compute import requests, server_actions, servers
from vregion.api.compute.links import LONGEST_PAGE, asked, page_size
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import proxies as schema
from vregion.model.microversion import Microversion
from vregion.model.refusals import OverQuota
from vregion.model.resource import Kind, Resource
from vregion.region import resources, snapshots, volume_creates, volumes
from vregion.region.resources import Query

routes = Routes()
_ROOT = "os_compute_api:os-volumes"
RULES = {
    **{f"{_ROOT}:{name}": "reader" for name in ("list", "detail", "show")},
    **{f"{_ROOT}:snapshots:{name}": "reader" for name in ("list", "detail", "show")},
    **{f"{_ROOT}:{name}": "member" for name in ("create", "delete", "snapshots:create", "snapshots:delete")},
}
_TRUE = frozenset({"1", "true", "on", "yes"})


@routes.get("/os-volumes", policy=f"{_ROOT}:list", until="2.35")
async def index(call: Call) -> Reply:
    """The same as in detail, as in Nova."""
    return Reply({"volumes": [_volume(volume) for volume in await _page(call, Kind.VOLUME)]})


@routes.get("/os-volumes/detail", policy=f"{_ROOT}:detail", until="2.35")
async def detail(call: Call) -> Reply:
    """All of the project."""
    return Reply({"volumes": [_volume(volume) for volume in await _page(call, Kind.VOLUME)]})


@routes.get("/os-volumes/{id}", policy=f"{_ROOT}:show", until="2.35")
async def show(call: Call) -> Reply:
    """One."""
    async with call.region.read() as tx:
        return Reply({"volume": _volume(await volumes.get(tx, call.path["id"], call.project_id))})


@routes.post("/os-volumes", policy=f"{_ROOT}:create", until="2.35")
async def create(call: Call) -> Reply:
    """As Cinder makes it."""
    body = requests.body(call, schema.VOLUME)
    given = body["volume"]
    kept = ("metadata", "volume_type", "snapshot_id", "availability_zone")
    wanted = {name: given[name] for name in kept if name in given} | _named(given) | {"size": int(given["size"])}
    zones = await call.use.directory.bindings(call.caller.region_id)
    try:
        async with call.region.write() as tx:
            volume = await volume_creates.create(tx, call.caller, wanted, zones, datetime.now(UTC))
    except OverQuota as over:
        raise OverQuota(over.message) from over
    return Reply({"volume": _volume(volume)}, 200, {"Location": f"{call.base}/os-volumes/{volume.id}"})


@routes.delete("/os-volumes/{id}", policy=f"{_ROOT}:delete", until="2.35")
async def delete(call: Call) -> Reply:
    """As Cinder does it."""
    async with call.region.write() as tx:
        await volumes.delete(tx, await volumes.get(tx, call.path["id"], call.project_id), datetime.now(UTC))
    return Reply(status=202)


@routes.get("/os-snapshots", policy=f"{_ROOT}:snapshots:list", until="2.35")
async def list_snapshots(call: Call) -> Reply:
    """The same as in detail, as in Nova."""
    return Reply({"snapshots": [_snapshot(snapshot) for snapshot in await _page(call, Kind.SNAPSHOT)]})


@routes.get("/os-snapshots/detail", policy=f"{_ROOT}:snapshots:detail", until="2.35")
async def detail_snapshots(call: Call) -> Reply:
    """All of the project."""
    return Reply({"snapshots": [_snapshot(snapshot) for snapshot in await _page(call, Kind.SNAPSHOT)]})


@routes.get("/os-snapshots/{id}", policy=f"{_ROOT}:snapshots:show", until="2.35")
async def show_snapshot(call: Call) -> Reply:
    """One."""
    async with call.region.read() as tx:
        return Reply({"snapshot": _snapshot(await snapshots.get(tx, call.path["id"], call.project_id))})


@routes.post("/os-snapshots", policy=f"{_ROOT}:snapshots:create", until="2.35")
async def create_snapshot(call: Call) -> Reply:
    """As Cinder makes it."""
    body = requests.body(call, schema.SNAPSHOT)
    given = body["snapshot"]
    force = str(given.get("force", False)).lower() in _TRUE
    wanted = {"volume_id": given["volume_id"], "force": force} | _named(given)
    try:
        async with call.region.write() as tx:
            snapshot = await snapshots.create(tx, call.caller, wanted, datetime.now(UTC))
    except OverQuota as over:
        raise OverQuota(over.message) from over
    return Reply({"snapshot": _snapshot(snapshot)})


@routes.delete("/os-snapshots/{id}", policy=f"{_ROOT}:snapshots:delete", until="2.35")
async def delete_snapshot(call: Call) -> Reply:
    """As Cinder does it."""
    async with call.region.write() as tx:
        await snapshots.delete(tx, await snapshots.get(tx, call.path["id"], call.project_id), datetime.now(UTC))
    return Reply(status=202)


async def _page(call: Call, kind: Kind) -> list[Resource]:
    """By offset, the newest first."""
    schema.OFFSET.check(asked(call), call.microversion)
    first, size = int(call.query.get("offset", 0)), page_size(call) or LONGEST_PAGE
    async with call.region.read() as tx:
        return (await resources.list_resources(tx, Query(kind, call.project_id, limit=first + size)))[first:]


def _named(given: Mapping[str, Any]) -> dict[str, Any]:
    words = {"display_name": "name", "display_description": "description"}
    return {ours: given[theirs] for theirs, ours in words.items() if theirs in given}


def _volume(volume: Resource) -> dict[str, Any]:
    known = volumes.document(volume)
    attachments: list[dict[str, Any]] = [{}]
    if known["attachments"]:
        first = known["attachments"][0]
        attachments = [{"id": volume.id, "volumeId": volume.id, "serverId": first["server_id"]}]
        if first.get("device"):
            attachments[0]["device"] = first["device"]
    return {
        "id": volume.id,
        "status": known["status"],
        "size": known["size"],
        "availabilityZone": known["availability_zone"],
        "createdAt": known["created_at"],
        "attachments": attachments,
        "displayName": known["name"],
        "displayDescription": known["description"],
        "volumeType": known["volume_type"],
        "snapshotId": known["snapshot_id"],
        "metadata": known["metadata"],
    }


def _snapshot(snapshot: Resource) -> dict[str, Any]:
    known = snapshots.document(snapshot)
    return {
        "id": snapshot.id,
        "volumeId": known["volume_id"],
        "status": known["status"],
        "size": known["size"],
        "createdAt": known["created_at"],
        "displayName": known["name"],
        "displayDescription": known["description"],
    }


# nova 34.0.0 `compute/routes.py`, `volumes_boot.py`: these are the servers under a name of old, until 2.102.
_SERVERS = ("/servers", "/servers/detail", "/servers/{id}", "/servers/{id}/action")
routes.all += [
    replace(route, path=route.path.replace("/servers", "/os-volumes_boot", 1), until=Microversion(2, 102))
    for route in (*servers.routes.all, *server_actions.routes.all)
    if route.path in _SERVERS
]

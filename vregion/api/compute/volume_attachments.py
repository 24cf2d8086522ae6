"""A server's volumes: attach and detach are live; lists and shows come from the rows.

A volume is reserved here before its zone is asked. It leaves the server's list when the zone shows it detached.
"""

from datetime import UTC, datetime
from typing import Any

from vregion.api.compute.requests import body, query
from vregion.api.compute.server_calls import ask, found, record
from vregion.api.http import Call, Reply, Routes
from vregion.api.live import realized
from vregion.api.schemas.compute import server_parts as schema
from vregion.model.microversion import Microversion
from vregion.model.refusals import Forbidden, Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import resources, server_changes, server_disks, servers, volumes
from vregion.region.regions import Transaction

routes = Routes()
_RULE = "os_compute_api:os-volumes-attachments"
RULES = {
    **dict.fromkeys((f"{_RULE}:index", f"{_RULE}:show"), "reader"),
    **dict.fromkeys((f"{_RULE}:create", f"{_RULE}:update", f"{_RULE}:delete"), "member"),
    f"{_RULE}:swap": "nobody",
}
_PATH = "/servers/{id}/os-volume_attachments"
_SHELVED = ("shelved", "shelved_offloaded")
_TAGS, _TERMINATION, _IDS = Microversion(2, 70), Microversion(2, 79), Microversion(2, 89)
_UPDATES, _ASYNC = Microversion(2, 85), Microversion(2, 101)


def _view(call: Call, server: Resource, entry: dict[str, Any], device: str | None) -> dict[str, Any]:
    """One attachment as its microversion shows it (nova 34.0.0 `compute/volume_attachments.py`)."""
    version, volume_id = call.microversion, entry["volumeId"]
    shown: dict[str, Any] = {} if version >= _IDS else {"id": volume_id}
    shown |= {"volumeId": volume_id, "serverId": server.id}
    if device:
        shown["device"] = device
    if version >= _TAGS:
        shown["tag"] = entry.get("tag")
    if version >= _TERMINATION:
        shown["delete_on_termination"] = entry["delete_on_termination"]
    if version >= _IDS:
        shown |= {"attachment_id": entry["attachment_id"], "bdm_uuid": entry["bdm_uuid"]}
    return shown


async def _devices(tx: Transaction, server: Resource) -> dict[str, str]:
    """Volume id -> device, as the volumes' zone told it, or as it was asked for."""
    known = {entry["volumeId"]: entry.get("device") or "" for entry in server.spec["volumes"]}
    for volume in (await resources.find_many(tx, Kind.VOLUME, known)).values():
        for one in volume.spec.get("attachments", []):
            if one["server_id"] == server.id and one.get("device"):
                known[volume.id] = one["device"]
    return known


@routes.get(_PATH, policy=f"{_RULE}:index")
async def index(call: Call) -> Reply:
    """All of a server's."""
    query(call, schema.LIST_VOLUMES)
    server = await found(call)
    async with call.region.read() as tx:
        devices = await _devices(tx, server)
    shown = [_view(call, server, entry, devices[entry["volumeId"]]) for entry in server.spec["volumes"]]
    offset, limit = int(call.query.get("offset", 0)), int(call.query.get("limit", 0)) or 1000
    return Reply({"volumeAttachments": shown[offset : offset + limit]})


@routes.get(_PATH + "/{volume_id}", policy=f"{_RULE}:show")
async def show(call: Call) -> Reply:
    """One."""
    query(call, schema.NO_QUERY)
    server = await found(call)
    entry = server_changes.attachment(server, call.path["volume_id"])
    async with call.region.read() as tx:
        devices = await _devices(tx, server)
    return Reply({"volumeAttachment": _view(call, server, entry, devices[entry["volumeId"]])})


@routes.post(_PATH, policy=f"{_RULE}:create")
async def create(call: Call) -> Reply:
    """Reserved here, attached by the zone, which names the device."""
    wanted = dict(body(call, schema.ATTACH_VOLUME)["volumeAttachment"])
    wanted["delete_on_termination"] = server_disks.truth(wanted.get("delete_on_termination", False))
    server = await found(call)
    _check_shelved(call, server, "attach_volume")
    if server.spec["vm_state"] == "building" or server.deleting:
        raise servers.cannot(server, "attach_volume")
    async with call.region.write() as tx:
        volume, entry = await server_changes.begin_attach(tx, server, wanted, datetime.now(UTC))
    entry["device"] = await _attach(call, server, volume, wanted)
    async with call.region.write() as tx:
        await server_changes.attached(tx, server.id, volume, entry, datetime.now(UTC))
    await record(call, server, "attach_volume")
    if call.microversion >= _ASYNC:
        return Reply(None, 202)
    shown: dict[str, Any] = {"id": volume.id, "serverId": server.id, "volumeId": volume.id, "device": entry["device"]}
    if call.microversion >= _TAGS:
        shown["tag"] = entry["tag"]
    if call.microversion >= _TERMINATION:
        shown["delete_on_termination"] = entry["delete_on_termination"]
    return Reply({"volumeAttachment": shown})


async def _attach(call: Call, server: Resource, volume: Resource, wanted: dict[str, Any]) -> str | None:
    """The device that the zone chose; the reservation is given back when it refuses."""
    sent = {key: value for key, value in wanted.items() if value is not None}
    done = False
    try:
        external = sent["volumeId"] = await realized(call, volume)
        request = ("POST", "/os-volume_attachments", {"volumeAttachment": sent})
        answer = await ask(call, server, "attach_volume", request, {external: volume.id})
        done = True
    finally:
        if not done:
            async with call.region.write() as tx:
                await server_changes.not_attached(tx, server.id, volume, datetime.now(UTC))
    told = (answer.body or {}).get("volumeAttachment") or {}
    device: str | None = told.get("device") or wanted.get("device")
    return device


async def _external(call: Call, server: Resource, volume_id: str) -> str:
    """The volume's id in its zone."""
    async with call.region.read() as tx:
        volume = await volumes.get(tx, volume_id, server.project_id)
    return await realized(call, volume)


def _check_shelved(call: Call, server: Resource, verb: str) -> None:
    if server.spec["vm_state"] in _SHELVED and call.microversion < Microversion(2, 20):
        raise servers.cannot(server, verb)


@routes.put(_PATH + "/{volume_id}", policy=f"{_RULE}:update")
async def update(call: Call) -> Reply:
    """delete_on_termination, since 2.85. To swap volumes is Cinder's own call."""
    wanted = body(call, schema.UPDATE_VOLUME)["volumeAttachment"]
    volume_id = call.path["volume_id"]
    server = await found(call)
    if call.microversion < _UPDATES or wanted["volumeId"] != volume_id:
        call.enforce(f"{_RULE}:swap")
        raise Forbidden("Volumes of a server are swapped by their zone alone.")
    try:
        entry = server_changes.attachment(server, volume_id)
    except NotFound as absent:
        raise NotFound(f"No volume Block Device Mapping with id {volume_id}.") from absent
    async with call.region.read() as tx:
        now_is = {"serverId": server.id, "device": (await _devices(tx, server))[volume_id], "tag": entry.get("tag")}
    for name, value in now_is.items():
        if name in wanted and wanted[name] != value:
            raise Invalid(f"The {name} property is not mutable")
    if "delete_on_termination" in wanted:
        fields = {"delete_on_termination": server_disks.truth(wanted["delete_on_termination"])}
        external = await _external(call, server, volume_id)
        sent = {"volumeAttachment": {"volumeId": external, **fields}}
        request = ("PUT", f"/os-volume_attachments/{external}", sent)
        await ask(call, server, "update_volume_attachment", request, {external: volume_id})
        async with call.region.write() as tx:
            await server_changes.change_attachment(tx, server.id, volume_id, fields, datetime.now(UTC))
    return Reply(None, 202)


@routes.delete(_PATH + "/{volume_id}", policy=f"{_RULE}:delete")
async def delete(call: Call) -> Reply:
    """The zone begins to detach it."""
    server, volume_id = await found(call), call.path["volume_id"]
    _check_shelved(call, server, "detach_volume")
    async with call.region.read() as tx:
        await volumes.get(tx, volume_id, call.project_id)
    server_changes.require_detachable(server, volume_id)
    external = await _external(call, server, volume_id)
    async with call.region.write() as tx:
        await server_changes.change_attachment(tx, server.id, volume_id, {"detaching": True}, datetime.now(UTC))
    done = False
    try:
        await ask(
            call, server, "detach_volume", ("DELETE", f"/os-volume_attachments/{external}", None), {external: volume_id}
        )
        done = True
    finally:
        if not done:
            async with call.region.write() as tx:
                await server_changes.change_attachment(
                    tx, server.id, volume_id, {"detaching": False}, datetime.now(UTC)
                )
    await record(call, server, "detach_volume")
    return Reply(None, 202)

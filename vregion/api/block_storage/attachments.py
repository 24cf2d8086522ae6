"""Attachments (Cinder 3.27): lists come from the rows; to make, connect, complete and end one is asked of its zone.

What a zone says of how to connect is handed on as it is, but for the ids in it, and not kept. That a server uses an
attachment is known to the zone, which then refuses to end it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from vregion.api import operations
from vregion.api.block_storage import listing
from vregion.api.http import Call, Reply, Routes
from vregion.api.live import asked, observe, realized, translated
from vregion.api.schemas.block_storage import attachments as schema
from vregion.drivers.contract import Answer
from vregion.model.refusals import Conflict, NotFound, Refusal, Unavailable, Unsupported
from vregion.model.resource import Kind, Realization, Resource
from vregion.region import attachments, realizations, resources, volumes

routes = Routes()
_OPERATIONS = operations.table("block_storage")
RULES = {
    "volume:attachment_get_all": "reader",
    "volume:attachment_create": "member",
    "volume:attachment_update": "member",
    "volume:attachment_delete": "member",
    "volume:attachment_complete": "member",
    "volume:multiattach_bootable_volume": "member",
}
_MARGIN = timedelta(seconds=30)  # a zone may still be at work on a create whose answer was given up
_BRIEF = ("id", "status", "instance", "volume_id")


@routes.get("/attachments", policy="volume:attachment_get_all", since="3.27")
async def index(call: Call) -> Reply:
    """Brief."""
    return Reply({"attachments": [_brief(one) for one in await _page(call)]})


@routes.get("/attachments/detail", policy="volume:attachment_get_all", since="3.27")
async def detail(call: Call) -> Reply:
    """In full, without how to connect: a show has that."""
    return Reply({"attachments": [attachments.document(one) for one in await _page(call)]})


@routes.get("/attachments/{id}", policy="volume:attachment_get_all", since="3.27")
async def show(call: Call) -> Reply:
    """One; how to connect is asked of its zone, and left out while that is silent."""
    async with call.region.read() as tx:
        attachment = await attachments.get(tx, call.path["id"], listing.whose(call))
    shown = attachments.document(attachment)
    external_id = attachment.spec.get(attachments.EXTERNAL)
    if external_id and attachment.status in ("attaching", "attached"):
        try:
            answer, realization = await asked(
                call, Kind.VOLUME, await _volume(call, attachment), "GET", _at(attachment)
            )
        except (Unavailable, Unsupported, Conflict):
            return Reply({"attachment": shown})
        if answer.status == 200 and answer.body is not None:
            told = answer.body["attachment"]["connection_info"]
            shown["connection_info"] = _connection(told, attachment, realization)
    return Reply({"attachment": shown})


@routes.post("/attachments", policy="volume:attachment_create", since="3.27")
async def create(call: Call) -> Reply:
    """Written down, then made by the volume's zone; with a connector it is connected at once."""
    body = call.json()
    schema.CREATE.check(body, call.microversion)
    wanted, now = body["attachment"], datetime.now(UTC)
    until = now + timedelta(seconds=call.use.settings.backend_timeout) + _MARGIN
    async with call.region.write() as tx:
        volume = await volumes.get(tx, wanted["volume_uuid"], call.project_id)
        if volume.spec.get("multiattach") and volume.status == "in-use" and volume.spec.get("bootable") == "true":
            call.enforce("volume:multiattach_bootable_volume")
        how = (wanted.get("instance_uuid"), wanted.get("mode"))
        attachment = await volumes.begin_attachment(tx, volume, *how, now, until)
    answer: Answer | None = None
    try:
        sent = {**wanted, "volume_uuid": await realized(call, volume)}
        if wanted.get("instance_uuid"):
            sent["instance_uuid"] = await _external_server(call, volume, wanted["instance_uuid"])
        answer, realization = await asked(call, Kind.VOLUME, volume, "POST", "/attachments", {"attachment": sent})
    finally:
        async with call.region.write() as tx:
            if answer is None or answer.status >= 400 or answer.body is None:
                await volumes.not_attached(tx, attachment, volume.status, datetime.now(UTC))
            else:
                await attachments.made(tx, attachment, answer.body["attachment"]["id"], datetime.now(UTC))
    return await _told(call, volume, attachment, answer, realization)


@routes.put("/attachments/{id}", policy="volume:attachment_update", since="3.27")
async def update(call: Call) -> Reply:
    """Connected: the zone tells how."""
    body = call.json()
    schema.UPDATE.check(body, call.microversion)
    attachment, volume = await _begin(call)
    answer, realization = await _ask(call, volume, "PUT", _at(attachment), body)
    return await _told(call, volume, attachment, answer, realization)


@routes.post("/attachments/{id}/action", policy="volume:attachment_get_all")
async def act(call: Call) -> Reply:
    """os-complete: whoever asked for the attachment has connected to it."""
    operations.chosen(_OPERATIONS, "/attachments/{id}/action", call)
    call.enforce("volume:attachment_complete")
    body = call.json()
    schema.COMPLETE.check(body, call.microversion)
    attachment, volume = await _begin(call)
    answer, realization = await _ask(call, volume, "POST", f"{_at(attachment)}/action", body)
    return await _told(call, volume, attachment, answer, realization)


@routes.delete("/attachments/{id}", policy="volume:attachment_delete", since="3.27")
async def delete(call: Call) -> Reply:
    """Ended; the answer is what is left of the volume's."""
    attachment, volume = await _begin(call)
    answer, realization = await _ask(call, volume, "DELETE", _at(attachment))
    if answer.status >= 400 and answer.status != 404:
        return _refused(answer, volume, attachment, realization, await _server_ids(call, attachment))
    async with call.region.write() as tx:
        await attachments.remove(tx, attachment)
    await observe(call, volume, realization)
    async with call.region.read() as tx:
        left = await attachments.of_volume(tx, volume.id)
    return Reply({"attachments": [_brief(one) for one in left]})


async def _page(call: Call) -> list[Resource]:
    async with call.region.read() as tx:
        found, _, _ = await listing.page(tx, call, listing.ATTACHMENTS)
    return found


def _brief(attachment: Resource) -> dict[str, Any]:
    shown = attachments.document(attachment)
    return {name: shown[name] for name in _BRIEF}


def _at(attachment: Resource) -> str:
    return f"/attachments/{attachment.spec[attachments.EXTERNAL]}"


async def _volume(call: Call, attachment: Resource) -> Resource:
    async with call.region.read() as tx:
        return await resources.get(tx, Kind.VOLUME, str(attachment.parent_id))


async def _begin(call: Call) -> tuple[Resource, Resource]:
    """The attachment and its volume, which is looked at afterwards, whatever becomes of this call and this process."""
    later = datetime.now(UTC) + timedelta(seconds=call.use.settings.backend_timeout) + _MARGIN
    async with call.region.write() as tx:
        attachment = await attachments.get(tx, call.path["id"], listing.whose(call))
        volume = await resources.get(tx, Kind.VOLUME, str(attachment.parent_id))
        if attachments.EXTERNAL not in attachment.spec:
            zone = volume.availability_zone
            raise Conflict(
                f"Volume attachment {attachment.id} is not ready: availability zone {zone} has not got it yet."
            )
        if volume.status == volumes.MAINTENANCE:
            raise Conflict(f"Volume {volume.id} is in status {volume.status}: it follows its server to another zone.")
        await volumes.look_again(tx, volume, later)
    return attachment, volume


async def _ask(call: Call, volume: Resource, method: str, path: str, body: Any = None) -> tuple[Answer, Realization]:
    """The zone's answer; without one the volume is looked at now, for it may have been done all the same."""
    try:
        return await asked(call, Kind.VOLUME, volume, method, path, body)
    except Refusal:
        async with call.region.write() as tx:
            await volumes.look_again(tx, volume, datetime.now(UTC))
        raise


async def _told(call: Call, volume: Resource, attachment: Resource, answer: Answer, realization: Realization) -> Reply:
    """The zone's answer with our ids, after its effect was observed."""
    names = await _server_ids(call, attachment)
    if answer.status >= 400:
        return _refused(answer, volume, attachment, realization, names)
    await observe(call, volume, realization)
    if answer.body is None:
        return Reply(None, answer.status)
    told = answer.body["attachment"]
    ours = {"id": attachment.id, "instance": attachment.spec["instance"], "volume_id": volume.id}
    info = _connection(told["connection_info"], attachment, realization, told["id"])
    return Reply({"attachment": {**told, **ours, "connection_info": info}}, answer.status)


def _refused(
    answer: Answer, volume: Resource, attachment: Resource, realization: Realization, names: Mapping[str, str]
) -> Reply:
    if answer.status == 404:
        raise NotFound(f"Volume attachment could not be found with filter: attachment_id = {attachment.id}.")
    ids = {str(realization.external_id): volume.id, **names}
    if external_id := attachment.spec.get(attachments.EXTERNAL):
        ids[external_id] = attachment.id
    return Reply(translated(answer.body, ids), answer.status)


def _connection(
    told: Mapping[str, Any] | None, attachment: Resource, realization: Realization, external_id: str = ""
) -> dict[str, Any]:
    """Verbatim but for whole values that are ids: a target's name holds the zone's id, and is the target's name."""
    ids = {
        str(realization.external_id): attachment.parent_id,
        external_id or attachment.spec.get(attachments.EXTERNAL): attachment.id,
    }
    return {name: ids.get(value, value) if isinstance(value, str) else value for name, value in (told or {}).items()}


async def _external_server(call: Call, volume: Resource, server_id: str) -> str:
    """The zone's id of a server of ours; anything else is named by whatever it is called."""
    async with call.region.read() as tx:
        mine = await resources.find(tx, Kind.SERVER, server_id, call.project_id)
        there = await realizations.on_backend(tx, Kind.SERVER, server_id, str(volume.backend_id))
    return there.external_id if mine and there and there.external_id else server_id


async def _server_ids(call: Call, attachment: Resource) -> dict[str, str]:
    """External id -> ours, of the server that the attachment is for."""
    server_id = attachment.spec["instance"]
    if server_id is None:
        return {}
    async with call.region.read() as tx:
        there = await realizations.on_backend(tx, Kind.SERVER, server_id, str(attachment.backend_id))
    return {there.external_id: server_id} if there and there.external_id else {}

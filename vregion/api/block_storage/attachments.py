"""Attachments as Cinder's newer API lists them (3.27). They are made and ended by the servers' API alone."""

from collections.abc import Mapping
from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.model.refusals import NotFound
from vregion.model.resource import Kind
from vregion.region import resources
from vregion.region.resources import Query

routes = Routes()


@routes.get("/attachments", policy="volume:attachment_get_all", since="3.27")
async def index(call: Call) -> Reply:
    """Brief."""
    brief = ("id", "status", "instance", "volume_id")
    return Reply({"attachments": [{name: a[name] for name in brief} for a in await _all(call)]})


@routes.get("/attachments/detail", policy="volume:attachment_get_all", since="3.27")
async def detail(call: Call) -> Reply:
    """In full; how to connect is the zone's secret."""
    return Reply({"attachments": await _all(call)})


@routes.get("/attachments/{attachment_id}", policy="volume:attachment_get_all", since="3.27")
async def show(call: Call) -> Reply:
    """One."""
    for attachment in await _all(call):
        if attachment["id"] == call.path["attachment_id"]:
            return Reply({"attachment": attachment})
    raise NotFound(f"Volume attachment could not be found with filter: attachment_id = {call.path['attachment_id']}.")


async def _all(call: Call) -> list[dict[str, Any]]:
    async with call.region.read() as tx:
        found = await resources.list_resources(tx, Query(Kind.VOLUME, call.project_id))
    return [_attachment(a) for volume in found for a in volume.spec.get("attachments", [])]


def _attachment(known: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": known["attachment_id"],
        "status": "attached",
        "instance": known["server_id"],
        "volume_id": known["volume_id"],
        "attached_at": known["attached_at"],
        "detached_at": None,
        "attach_mode": "rw",
        "connection_info": {},
    }

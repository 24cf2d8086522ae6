"""User messages (3.3): why a volume, a snapshot or a backup is in error, in the words of its zone.

A message is the resource's own last fault: it is there as long as the resource is, and has the resource's id.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from vregion.api.block_storage import listing, short_lists
from vregion.api.http import Call, Reply, Routes
from vregion.model.microversion import Microversion
from vregion.model.refusals import NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import backups, resources, snapshots, volumes
from vregion.region.resources import Filter, Query
from vregion.region.volumes import FAULT, stamp

routes = Routes()
FILTERS = ("resource_uuid", "resource_type", "event_id", "request_id", "message_level")
_PAGED = Microversion(3, 5)
_COLUMNS = (*FILTERS, "id", "project_id", "detail_id", "action_id", "expires_at", "created_at", "updated_at")
_FORGET: dict[Kind, Callable[..., Awaitable[Resource]]] = {
    Kind.VOLUME: volumes.write,
    Kind.SNAPSHOT: snapshots.write,
    Kind.BACKUP: backups.write,
}
_TYPES = {Kind.VOLUME: "VOLUME", Kind.SNAPSHOT: "VOLUME_SNAPSHOT", Kind.BACKUP: "VOLUME_BACKUP"}  # Cinder's words
_SHORT = short_lists.Short("messages", "messages", "messages_links", _COLUMNS, "Message")


@routes.get("/messages", policy="message:get_all", since="3.3")
async def index(call: Call) -> Reply:
    """All of the project's, or of the admin's projects; paged, sorted and filtered from 3.5 on."""
    found = await _all(call)
    if call.microversion < _PAGED:
        return Reply({"messages": found})
    strict = call.microversion >= listing.STRICT
    asked, unknown = short_lists.filters(call, FILTERS, strict=strict)
    told = [one for one in found if not unknown and all(one.get(name) == asked[name] for name in asked)]
    return short_lists.page(call, _SHORT, told)


@routes.delete("/messages/{message_id}", policy="message:delete", since="3.3")
async def delete(call: Call) -> Reply:
    """Read and done with; what it was about stays as it is."""
    async with call.region.write() as tx:
        for kind, forget in _FORGET.items():
            found = await resources.find(tx, kind, call.path["message_id"], listing.whose(call))
            if found is not None and FAULT in found.spec:
                spec = {name: value for name, value in found.spec.items() if name != FAULT}
                if kind is Kind.BACKUP:  # it goes on saying so itself
                    spec["fail_reason"] = found.spec[FAULT]
                await forget(tx, found, datetime.now(UTC), spec=spec)
                return Reply(status=204)
    raise NotFound(f"Message {call.path['message_id']} could not be found.")


@routes.get("/messages/{message_id}", policy="message:get", since="3.3")
async def show(call: Call) -> Reply:
    """One."""
    for message in await _all(call):
        if message["id"] == call.path["message_id"]:
            return Reply({"message": message})
    raise NotFound(f"Message {call.path['message_id']} could not be found.")


async def _all(call: Call) -> list[dict[str, Any]]:
    ill = (Filter(f"spec.{FAULT}", False, "null"),)
    async with call.region.read() as tx:
        found = [
            one for kind in _FORGET for one in await resources.list_resources(tx, Query(kind, listing.whose(call), ill))
        ]
    return [_message(resource) for resource in found]


def _message(resource: Resource) -> dict[str, Any]:
    return {
        "id": resource.id,
        "event_id": f"VOLUME_{_TYPES[resource.kind]}_VREGION_001",
        "user_message": resource.spec[FAULT],
        "message_level": "ERROR",
        "resource_type": _TYPES[resource.kind],
        "resource_uuid": resource.id,
        "created_at": stamp(resource.updated_at),
        "guaranteed_until": None,
        "links": [],
    }

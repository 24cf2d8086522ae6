"""Snapshots of groups (3.14): one request for a snapshot of each volume."""

from datetime import UTC, datetime
from typing import Any

from vregion.api.block_storage import listing
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.block_storage import groups as schema
from vregion.model.microversion import Microversion
from vregion.model.resource import Kind, Resource
from vregion.region import group_snapshots, groups, resources
from vregion.region.resources import Query

routes = Routes()
_PAGES = Microversion(3, 29)  # before it, all of them, whatever is asked for
RULES = {
    "group:create_group_snapshot": "member",
    "group:get_group_snapshot": "reader",
    "group:get_all_group_snapshots": "reader",
    "group:delete_group_snapshot": "member",
    "group:group_snapshot_project_attribute": "admin",
}


@routes.post("/group_snapshots", policy="group:create_group_snapshot", since="3.14")
async def create(call: Call) -> Reply:
    """Of every volume that the group has now."""
    body = call.json()
    schema.CREATE_SNAPSHOT.check(body, call.microversion)
    given = body["group_snapshot"]
    async with call.region.write() as tx:
        group = await groups.get(tx, given["group_id"], call.project_id)
        whole = await group_snapshots.create(tx, call.caller, group, given, datetime.now(UTC))
    return Reply({"group_snapshot": _brief(whole) | {"group_type_id": whole.spec["group_type_id"]}}, 202)


@routes.get("/group_snapshots", policy="group:get_all_group_snapshots", since="3.14")
async def index(call: Call) -> Reply:
    """Ids and names."""
    found, tail = await _page(call, "group_snapshots")
    return Reply({"group_snapshots": [_brief(whole) for whole in found]} | tail)


@routes.get("/group_snapshots/detail", policy="group:get_all_group_snapshots", since="3.14")
async def detail(call: Call) -> Reply:
    """In full."""
    found, tail = await _page(call, "group_snapshots/detail")
    return Reply({"group_snapshots": [_shown(call, whole) for whole in found]} | tail)


@routes.get("/group_snapshots/{id}", policy="group:get_group_snapshot", since="3.14")
async def show(call: Call) -> Reply:
    """One."""
    async with call.region.read() as tx:
        whole = await group_snapshots.get(tx, call.path["id"], listing.whose(call))
    return Reply({"group_snapshot": _shown(call, whole)})


@routes.delete("/group_snapshots/{id}", policy="group:delete_group_snapshot", since="3.14")
async def delete(call: Call) -> Reply:
    """With its snapshots."""
    async with call.region.write() as tx:
        whole = await group_snapshots.get(tx, call.path["id"], listing.whose(call))
        await group_snapshots.delete(tx, whole, datetime.now(UTC))
    return Reply(status=202)


async def _page(call: Call, path: str) -> tuple[list[Resource], dict[str, Any]]:
    async with call.region.read() as tx:
        if call.microversion < _PAGES:
            listing.paging(call)
            return await resources.list_resources(tx, Query(Kind.GROUP_SNAPSHOT, call.project_id)), {}
        found, _, size = await listing.page(tx, call, listing.GROUP_SNAPSHOTS)
    links = listing.next_page(call, path, found, size)
    return found, {"group_snapshot_links": links} if links else {}


def _shown(call: Call, whole: Resource) -> dict[str, Any]:
    shown = group_snapshots.document(whole)
    told = call.policy.check("group:group_snapshot_project_attribute", call.caller)
    if not told or call.microversion < Microversion(3, 58):
        del shown["project_id"]
    return shown


def _brief(whole: Resource) -> dict[str, Any]:
    return {"id": whole.id, "name": whole.spec["name"]}

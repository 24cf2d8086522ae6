"""Groups of volumes (3.13) and their actions. Rows only: what becomes of the volumes is the volumes' own affair."""

from datetime import UTC, datetime
from typing import Any

from vregion.api import operations
from vregion.api.block_storage import listing
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.block_storage import groups as schema
from vregion.api.schemas.block_storage.types import true
from vregion.model.microversion import Microversion
from vregion.model.refusals import Invalid
from vregion.model.resource import Resource
from vregion.region import groups, members

routes = Routes()
_OPERATIONS = operations.table("block_storage")
# What each microversion added (cinder 29.0.0 api/v3/views/groups.py).
_ADDED = {
    "group_snapshot_id": Microversion(3, 14),
    "source_group_id": Microversion(3, 14),
    "replication_status": Microversion(3, 38),
    "project_id": Microversion(3, 58),
}
RULES = {
    "group:create": "member",
    "group:get": "reader",
    "group:get_all": "reader",
    "group:update": "member",
    "group:delete": "member",
    "group:group_project_attribute": "admin",
}


@routes.post("/groups", policy="group:create", since="3.13")
async def create(call: Call) -> Reply:
    """Empty, in one zone."""
    body = call.json()
    schema.CREATE.check(body, call.microversion)
    zones = await call.use.directory.bindings(call.region.id)
    async with call.region.write() as tx:
        group = await groups.create(tx, call.caller, _stripped(body["group"]), zones, datetime.now(UTC))
    return Reply({"group": _brief(group)}, 202)


@routes.get("/groups", policy="group:get_all", since="3.13")
async def index(call: Call) -> Reply:
    """Ids and names."""
    found, tail = await _page(call, "groups")
    return Reply({"groups": [_brief(group) for group in found]} | tail)


@routes.get("/groups/detail", policy="group:get_all", since="3.13")
async def detail(call: Call) -> Reply:
    """In full."""
    found, tail = await _page(call, "groups/detail")
    async with call.region.read() as tx:
        shown = [await _shown(call, tx, group) for group in found]
    return Reply({"groups": shown} | tail)


@routes.get("/groups/{id}", policy="group:get", since="3.13")
async def show(call: Call) -> Reply:
    """One; with `list_volume` its volumes too (3.25)."""
    async with call.region.read() as tx:
        group = await groups.get(tx, call.path["id"], listing.whose(call))
        return Reply({"group": await _shown(call, tx, group)})


@routes.put("/groups/{id}", policy="group:update", since="3.13")
async def update(call: Call) -> Reply:
    """Name, description; volumes in and out, as lists with commas."""
    body = call.json()
    schema.UPDATE.check(body, call.microversion)
    given = _stripped(body["group"])
    add, drop = (
        (given.get(name) or "").strip(",").split(",") if given.get(name) else []
        for name in ("add_volumes", "remove_volumes")
    )
    fields = {name: given.get(name) for name in ("name", "description")}
    async with call.region.write() as tx:
        group = await groups.get(tx, call.path["id"], listing.whose(call))
        await groups.update(tx, group, fields, add, drop, datetime.now(UTC))
    return Reply(status=202)


@routes.post("/groups/action", policy="group:get")
async def create_from(call: Call) -> Reply:
    """One more, of another or of its snapshot."""
    name, body = operations.chosen(_OPERATIONS, "/groups/action", call), call.json()
    schema.ACTIONS[name].check(body, call.microversion)
    call.enforce("group:create")
    zones = await call.use.directory.bindings(call.region.id)
    async with call.region.write() as tx:
        group = await groups.create_from(tx, call.caller, _stripped(body[name]), zones, datetime.now(UTC))
    return Reply({"group": _brief(group)}, 202)


@routes.post("/groups/{id}/action", policy="group:get")
async def act(call: Call) -> Reply:
    """Delete it; there are no group types with replication."""
    name, body = operations.chosen(_OPERATIONS, "/groups/{id}/action", call), call.json()
    schema.ACTIONS[name].check(body, call.microversion)
    call.enforce("group:delete")
    async with call.region.write() as tx:
        group = await groups.get(tx, call.path["id"], listing.whose(call))
        if name != "delete":
            raise Invalid(f"Invalid group type: Group {group.id} is not a replication group type.")
        with_volumes = true(body[name].get("delete-volumes", False))
        await groups.delete(tx, group, datetime.now(UTC), with_volumes=with_volumes)
    return Reply(status=202)


async def _page(call: Call, path: str) -> tuple[list[Resource], dict[str, Any]]:
    async with call.region.read() as tx:
        found, _, size = await listing.page(tx, call, listing.GROUPS)
    links = listing.next_page(call, path, found, size)
    return found, {"group_links": links} if links else {}


async def _shown(call: Call, tx: Any, group: Resource) -> dict[str, Any]:
    hidden = {name for name, since in _ADDED.items() if call.microversion < since}
    if not call.policy.check("group:group_project_attribute", call.caller):
        hidden.add("project_id")
    shown = {name: value for name, value in groups.document(group).items() if name not in hidden}
    if call.microversion >= Microversion(3, 25) and true(call.query.get("list_volume", "")):
        shown["volumes"] = [volume.id for volume in await members.of(tx, group)]
    return shown


def _brief(group: Resource) -> dict[str, Any]:
    return {"id": group.id, "name": group.spec["name"]}


def _stripped(given: dict[str, Any]) -> dict[str, Any]:
    """Names without white space around them."""
    return {k: v.strip() if k in ("name", "description") and v else v for k, v in given.items()}

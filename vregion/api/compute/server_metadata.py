"""A server's metadata: row and generation here, and the zone hears of it next."""

from collections.abc import Callable
from datetime import UTC, datetime

from vregion.api.compute.requests import body, query
from vregion.api.compute.server_calls import found
from vregion.api.compute.servers import project
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import server_parts as schema
from vregion.model.refusals import Conflict, Invalid, NotFound
from vregion.model.resource import Resource
from vregion.region import servers, user_limits

routes = Routes()
_RULE = "os_compute_api:server-metadata"
RULES = {
    **dict.fromkeys((f"{_RULE}:index", f"{_RULE}:show"), "reader"),
    **dict.fromkeys((f"{_RULE}:create", f"{_RULE}:update", f"{_RULE}:update_all", f"{_RULE}:delete"), "member"),
}
Items = dict[str, str]
STATES = ("active", "paused", "suspended", "stopped")


def require_at_rest(server: Resource, verb: str) -> None:
    """nova 34.0.0 compute/api.py update_instance_metadata: only in these states, and while no task is under way."""
    for name, allowed in (("vm_state", STATES), ("task_state", (None,))):
        if server.spec[name] not in allowed:
            raise Conflict(f"Cannot '{verb}' instance {server.id} while it is in {name} {server.spec[name]}")


async def change(call: Call, verb: str, changed: Callable[[Items], Items]) -> Items:
    """Set what `changed` makes of the items."""
    async with call.region.write() as tx:
        server = await servers.hold(tx, call.path["id"], project(call))
        servers.require_unlocked(server, is_admin=call.caller.is_admin)
        items = changed(dict(server.spec["metadata"]))
        require_at_rest(server, verb)
        await user_limits.check_metadata(tx, server.project_id, call.caller.user_id, len(items))
        await servers.update(tx, server, {"metadata": items}, datetime.now(UTC))
    return items


@routes.get("/servers/{id}/metadata", policy=f"{_RULE}:index")
async def index(call: Call) -> Reply:
    """All items."""
    query(call, schema.NO_QUERY)
    return Reply({"metadata": (await found(call)).spec["metadata"]})


@routes.post("/servers/{id}/metadata", policy=f"{_RULE}:create")
async def create(call: Call) -> Reply:
    """Add items, or change them."""
    given = body(call, schema.ALL_METADATA)["metadata"]
    return Reply({"metadata": await change(call, "update metadata", lambda items: items | given)})


@routes.put("/servers/{id}/metadata", policy=f"{_RULE}:update_all")
async def replace(call: Call) -> Reply:
    """These items and no others."""
    given = body(call, schema.ALL_METADATA)["metadata"]
    return Reply({"metadata": await change(call, "update metadata", lambda items: given)})


@routes.get("/servers/{id}/metadata/{key}", policy=f"{_RULE}:show")
async def show(call: Call) -> Reply:
    """One item."""
    query(call, schema.NO_QUERY)
    items, key = (await found(call)).spec["metadata"], call.path["key"]
    if key not in items:
        raise NotFound("Metadata item was not found")
    return Reply({"meta": {key: items[key]}})


@routes.put("/servers/{id}/metadata/{key}", policy=f"{_RULE}:update")
async def update(call: Call) -> Reply:
    """One item; the body names it again."""
    given = body(call, schema.ONE_METADATA)["meta"]
    if call.path["key"] not in given:
        raise Invalid("Request body and URI mismatch")
    await change(call, "update metadata", lambda items: items | given)
    return Reply({"meta": given})


@routes.delete("/servers/{id}/metadata/{key}", policy=f"{_RULE}:delete")
async def delete(call: Call) -> Reply:
    """Take one item away."""

    def without(items: Items) -> Items:
        if call.path["key"] not in items:
            raise NotFound("Metadata item was not found")
        return {key: value for key, value in items.items() if key != call.path["key"]}

    await change(call, "delete metadata", without)
    return Reply(None, 204)

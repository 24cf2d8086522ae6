"""Group types (3.11): the list that a tenant may choose from, and what his admin makes of it, specs and all."""

from datetime import UTC, datetime
from typing import Any

from vregion.api.block_storage import short_lists
from vregion.api.block_storage.volume_types import asked_public
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.block_storage import group_types as schema
from vregion.api.schemas.block_storage.types import true
from vregion.model.refusals import Invalid, NotFound
from vregion.region import group_types

routes = Routes()
_COLUMNS = ("id", "name", "description", "is_public", "created_at", "updated_at", "deleted", "deleted_at")
_SHORT = short_lists.Short("group_types", "group_types", "group_type_links", _COLUMNS)
_SPECS = "/group_types/{group_type_id}/group_specs"
_SHOWN = "group:access_group_types_specs"
RULES = {
    "group:access_group_types": "reader",
    _SHOWN: "admin",
    **{f"group:group_types:{name}": "admin" for name in ("create", "update", "delete")},
    **{f"group:group_types_specs:{name}": "admin" for name in ("get_all", "get", "create", "update", "delete")},
}


@routes.get("/group_types", policy="group:access_group_types", since="3.11")
async def index(call: Call) -> Reply:
    """For every zone. Public ones, unless the admin asks for others with `is_public`."""
    async with call.region.read() as tx:
        found = await group_types.listed(tx, is_public=asked_public(call))
    reply = short_lists.page(call, _SHORT, found)
    return Reply({**reply.body, "group_types": [_shown(call, one) for one in reply.body["group_types"]]})


@routes.get("/group_types/{group_type_id}", policy="group:access_group_types", since="3.11")
async def show(call: Call) -> Reply:
    """By id; `default` is Cinder's own word for the default type."""
    return Reply({"group_type": _shown(call, await _found(call))})


@routes.post("/group_types", policy="group:group_types:create", since="3.11")
async def create(call: Call) -> Reply:
    """A new one."""
    body = call.json()
    schema.CREATE.check(body, call.microversion)
    given = body["group_type"]
    wanted = {"name": given["name"], "description": given.get("description")}
    wanted |= {"is_public": true(given.get("is_public", True)), "group_specs": given.get("group_specs") or {}}
    async with call.region.write() as tx:
        made = await group_types.create(tx, call.caller, wanted, datetime.now(UTC))
    return Reply({"group_type": _shown(call, made)}, 202)


@routes.put("/group_types/{group_type_id}", policy="group:group_types:update", since="3.11")
async def update(call: Call) -> Reply:
    """Name, description, whether it is public."""
    body = call.json()
    schema.UPDATE.check(body, call.microversion)
    fields = {name: body["group_type"].get(name) for name in ("name", "description", "is_public")}
    if fields["is_public"] is not None:
        fields["is_public"] = true(fields["is_public"])
    if fields["name"] and not fields["name"].strip():
        raise Invalid("Group type name can not be empty.")
    if all(value is None for value in fields.values()):
        raise Invalid("Specify group type name, description or a combination thereof.")
    async with call.region.write() as tx:
        changed = await group_types.update(tx, call.path["group_type_id"], fields, datetime.now(UTC))
    return Reply({"group_type": _shown(call, changed)})


@routes.delete("/group_types/{group_type_id}", policy="group:group_types:delete", since="3.11")
async def delete(call: Call) -> Reply:
    """One that no group has."""
    async with call.region.write() as tx:
        await group_types.delete(tx, call.path["group_type_id"])
    return Reply(status=202)


@routes.get(_SPECS, policy="group:group_types_specs:get_all", since="3.11")
async def specs(call: Call) -> Reply:
    """All of a type's."""
    return Reply({"group_specs": (await _found(call))["group_specs"]})


@routes.post(_SPECS, policy="group:group_types_specs:create", since="3.11")
async def set_specs(call: Call) -> Reply:
    """These beside the others."""
    body = call.json()
    schema.SET_SPECS.check(body, call.microversion)
    async with call.region.write() as tx:
        await group_types.set_specs(tx, call.path["group_type_id"], body["group_specs"], datetime.now(UTC))
    return Reply(body, 202)


@routes.get(f"{_SPECS}/{{key}}", policy="group:group_types_specs:get", since="3.11")
async def spec(call: Call) -> Reply:
    """One."""
    known, key = (await _found(call))["group_specs"], call.path["key"]
    if key not in known:
        raise NotFound(f"Group Type {call.path['group_type_id']} has no extra spec with key {key}.")
    return Reply({key: known[key]})


@routes.put(f"{_SPECS}/{{key}}", policy="group:group_types_specs:update", since="3.11")
async def set_spec(call: Call) -> Reply:
    """One, named alike in the path and in the body."""
    body = call.json()
    schema.SET_SPEC.check(body, call.microversion)
    await _found(call)
    if call.path["key"] not in body:
        raise Invalid("Request body and URI mismatch")
    async with call.region.write() as tx:
        await group_types.set_specs(tx, call.path["group_type_id"], body, datetime.now(UTC))
    return Reply(body)


@routes.delete(f"{_SPECS}/{{key}}", policy="group:group_types_specs:delete", since="3.11")
async def remove_spec(call: Call) -> Reply:
    """One less."""
    async with call.region.write() as tx:
        await group_types.remove_spec(tx, call.path["group_type_id"], call.path["key"], datetime.now(UTC))
    return Reply(status=202)


async def _found(call: Call) -> group_types.Type:
    async with call.region.read() as tx:
        return await group_types.by_id(tx, call.path["group_type_id"], private=call.caller.is_admin)


def _shown(call: Call, kind: group_types.Type) -> dict[str, Any]:
    hidden = {"created_at"} if call.policy.check(_SHOWN, call.caller) else {"created_at", "group_specs"}
    return {name: value for name, value in kind.items() if name not in hidden}

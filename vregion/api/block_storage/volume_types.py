"""Volume types: the list that a tenant may choose from, what a member sees of each, and which one is the default."""

from collections.abc import Sequence
from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.model.refusals import NotFound
from vregion.region import volume_types

routes = Routes()


@routes.get("/types", policy="volume_extension:type_get_all")
async def index(call: Call) -> Reply:
    """All zones' together; the extra spec RESKEY:availability_zones says where each one is."""
    found = volume_types.offered(await call.use.directory.bindings(call.region.id))
    return Reply({"volume_types": _page(call, found)})


@routes.get("/types/{type_id}", policy="volume_extension:type_get")
async def show(call: Call) -> Reply:
    """By id; `default` is Cinder's own word for the default type."""
    found = await _found(call)
    if call.path["type_id"] == volume_types.NAME:  # asked for by that word, Cinder's extension does not find it
        del found["os-volume-type-access:is_public"]
    return Reply({"volume_type": found})


@routes.get("/types/{type_id}/extra_specs", policy="volume_extension:type_get")
async def extra_specs(call: Call) -> Reply:
    """Those that a tenant sees."""
    return Reply({"extra_specs": (await _found(call))["extra_specs"]})


@routes.get("/types/{type_id}/extra_specs/{key}", policy="volume_extension:types_extra_specs:show")
async def extra_spec(call: Call) -> Reply:
    """One of them."""
    specs, key = (await _found(call))["extra_specs"], call.path["key"]
    if key not in specs:
        raise NotFound(f"Volume Type {call.path['type_id']} has no extra specs with key {key}.")
    return Reply({key: specs[key]})


async def _found(call: Call) -> dict[str, Any]:
    return volume_types.find(await call.use.directory.bindings(call.region.id), call.path["type_id"])


def _page(call: Call, found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """`limit` and `marker`; a list so short has no further page."""
    marker, limit = call.query.get("marker"), call.query.get("limit", "")
    at = next((n + 1 for n, one in enumerate(found) if one["id"] == marker), 0)
    return list(found[at : at + int(limit)] if limit.isdecimal() else found[at:])

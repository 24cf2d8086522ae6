"""The default volume types of projects (3.62): the tenant's admin's alone."""

from datetime import UTC, datetime

from vregion.api.http import Call, Reply, Routes
from vregion.api.projects import is_of_tenant
from vregion.api.schemas.block_storage.default_types import CHOOSE
from vregion.model.refusals import MALFORMED, Forbidden, Invalid, NotFound
from vregion.region import default_types, volume_types

routes = Routes()
_ANYBODY = "volume_extension:default_types"  # the rules below are looked at by hand: their refusal has other words
_GET, _GET_ALL, _SET, _UNSET = (
    f"volume_extension:default_{verb}" for verb in ("get", "get_all", "set_or_update", "unset")
)
RULES = {_ANYBODY: "any", _GET: "admin", _GET_ALL: "admin", _SET: "admin", _UNSET: "admin"}


@routes.get("/default-types", policy=_ANYBODY, since="3.62")
async def index(call: Call) -> Reply:
    """Of all projects that have one."""
    _permit(call, _GET_ALL)
    async with call.region.read() as tx:
        found = await default_types.listed(tx)
    return Reply({"default_types": [_shown(project_id, type_id) for project_id, type_id in found.items()]})


@routes.get("/default-types/{project_id}", policy=_ANYBODY, since="3.62")
async def show(call: Call) -> Reply:
    """Of one project."""
    await _permit_of(call, _GET)
    project_id = call.path["project_id"]
    async with call.region.read() as tx:
        type_id = await default_types.of(tx, project_id)
    if type_id is None:
        raise NotFound(f"Default type for project {project_id} not found.")
    return Reply({"default_type": _shown(project_id, type_id)})


@routes.put("/default-types/{project_id}", policy=_ANYBODY, since="3.62")
async def choose(call: Call) -> Reply:
    """By name or id."""
    body, project_id = call.json(), call.path["project_id"]
    CHOOSE.check(body, call.microversion)
    if "default_type" not in body:
        raise Invalid(MALFORMED)
    await _permit_of(call, _SET)
    zones = await call.use.directory.bindings(call.region.id)
    try:
        kind = volume_types.named(zones, body["default_type"]["volume_type"])
    except NotFound as unknown:
        raise Invalid(unknown.message) from unknown
    async with call.region.write() as tx:
        await default_types.choose(tx, call.caller, project_id, kind, datetime.now(UTC))
    return Reply({"default_type": _shown(project_id, kind["id"])})


@routes.delete("/default-types/{project_id}", policy=_ANYBODY, since="3.62")
async def unset(call: Call) -> Reply:
    """None any more; having had none is no error."""
    _permit(call, _UNSET)
    async with call.region.write() as tx:
        await default_types.unset(tx, call.path["project_id"])
    return Reply(status=204)


def _permit(call: Call, rule: str) -> None:
    if not call.policy.check(rule, call.caller):
        raise Forbidden("You are not authorized to perform this operation.")


async def _permit_of(call: Call, rule: str) -> None:
    """... with the project of the path (cinder 29.0.0 `utils.py` validate_project_and_authorize)."""
    _permit(call, rule)
    project_id = call.path["project_id"]
    if not await is_of_tenant(call, project_id):
        raise NotFound(f"Project with id {project_id} not found.")


def _shown(project_id: str, type_id: str) -> dict[str, str]:
    return {"project_id": project_id, "volume_type_id": type_id}

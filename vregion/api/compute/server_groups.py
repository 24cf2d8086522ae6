"""Server groups: written down here, realized where a member boots. The members shown are our servers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from vregion.api.compute import requests
from vregion.api.compute.links import LONGEST_PAGE, asked, page_size
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import server_groups as schema
from vregion.model.microversion import Microversion
from vregion.model.resource import Resource
from vregion.region import server_groups

routes = Routes()
_ROOT = "os_compute_api:os-server-groups"
RULES = {
    f"{_ROOT}:create": "member",
    f"{_ROOT}:delete": "member",
    f"{_ROOT}:index": "reader",
    f"{_ROOT}:index:all_projects": "admin",
    f"{_ROOT}:show": "reader",
}


@routes.get("/os-server-groups", policy=f"{_ROOT}:index")
async def index(call: Call) -> Reply:
    """A page by offset; Nova has no marker here."""
    schema.LIST.check(asked(call), call.microversion)
    every = "all_projects" in call.query and call.caller.is_admin
    if every:
        call.enforce(f"{_ROOT}:index:all_projects")
    first = int(call.query.get("offset", 0))
    size = page_size(call) or LONGEST_PAGE
    async with call.region.read() as tx:
        found = await server_groups.listed(tx, None if every else call.project_id)
        found = found[first : first + size]
        members = await server_groups.members(tx, [group.id for group in found])
    return Reply({"server_groups": [_shown(call, group, members.get(group.id, ())) for group in found]})


@routes.post("/os-server-groups", policy=f"{_ROOT}:create")
async def create(call: Call) -> Reply:
    """No backend hears of it yet."""
    body = requests.body(call, schema.CREATE)
    wanted = dict(body["server_group"])
    if "policies" in wanted:
        wanted["policy"] = wanted["policies"][0]
    wanted["name"] = wanted["name"].strip()
    async with call.region.write() as tx:
        group = await server_groups.create(tx, call.caller, wanted, datetime.now(UTC))
    return Reply({"server_group": _shown(call, group, ())})


@routes.get("/os-server-groups/{id}", policy=f"{_ROOT}:show")
async def show(call: Call) -> Reply:
    """One, with its members."""
    schema.SHOW.check(asked(call), call.microversion)
    async with call.region.read() as tx:
        group = await server_groups.get(tx, call.path["id"], _owner(call))
        members = await server_groups.members(tx, [group.id])
    return Reply({"server_group": _shown(call, group, members.get(group.id, ()))})


@routes.delete("/os-server-groups/{id}", policy=f"{_ROOT}:delete")
async def delete(call: Call) -> Reply:
    """Its servers stay."""
    async with call.region.write() as tx:
        group = await server_groups.get(tx, call.path["id"], _owner(call))
        await server_groups.delete(tx, group, datetime.now(UTC))
    return Reply(status=204)


def _owner(call: Call) -> str | None:
    """An admin sees every project's."""
    return None if call.caller.is_admin else call.project_id


def _shown(call: Call, group: Resource, members: Sequence[str]) -> dict[str, Any]:
    told = server_groups.document(group, members)
    if call.microversion < Microversion(2, 64):
        del told["rules"]
        told |= {"policies": [told.pop("policy")], "metadata": {}}
    if call.microversion < Microversion(2, 13):
        del told["project_id"], told["user_id"]
    return told

"""Migrations of servers: the resizes that were asked for here. Hosts and live migrations are the zones' own business.

`/os-migrations` lists records of all kinds, `/servers/{id}/migrations` (since 2.23) live migrations, of which there are
none.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from vregion.api import operations
from vregion.api.compute.links import listed, next_page, page_size
from vregion.api.compute.requests import query
from vregion.api.compute.server_calls import found
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import server_parts as schema
from vregion.model.microversion import Microversion
from vregion.model.refusals import Conflict, Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import resources
from vregion.region.resources import Filter, Query

routes = Routes()
_RULE = "os_compute_api:servers:migrations"
_LIST = "os_compute_api:os-migrations"
_ANY = "os_compute_api:migrations"
_HURRIED, _TYPES, _PAGES, _WHOSE = (Microversion(2, minor) for minor in (22, 23, 59, 80))
_HOSTS = ("dest_compute", "dest_host", "dest_node", "source_compute", "source_node")
_FILTERS = {"instance_uuid": "parent_id", "status": "status", "user_id": "user_id"}
_LARGEST_ID = 0x7FFFFFFF
RULES = {
    f"{_LIST}:index": "manager",
    f"{_LIST}:index:all_projects": "admin",
    _ANY: "any",
    **dict.fromkeys((f"{_RULE}:index", f"{_RULE}:delete", f"{_RULE}:force_complete"), "manager"),
    f"{_RULE}:show": "admin",
}
_PATH = "/servers/{id}/migrations"


@routes.get("/os-migrations", policy=_ANY)
async def every(call: Call) -> Reply:
    """Those of the project's own, which must be named, or of all for the admin; the query comes before the rules."""
    asked = {name: values[-1] for name, values in query(call, schema.LIST_MIGRATIONS).items()}
    call.enforce(f"{_LIST}:index")
    project_id = asked.get("project_id") if call.microversion >= _WHOSE else None
    if project_id != call.project_id:
        call.enforce(f"{_LIST}:index:all_projects")
    pages = call.microversion >= _PAGES
    limit, marker = (page_size(call), asked.get("marker") or None) if pages else (None, None)
    wanted = Query(Kind.MIGRATION, project_id, _filters(call, asked), limit=limit, marker=marker)
    async with call.region.read() as tx:
        if marker and not await resources.find(tx, Kind.MIGRATION, marker):
            raise Invalid(f"Marker {marker} could not be found.")
        rows = await resources.list_resources(tx, wanted)
    more = next_page(call, "os-migrations", [row.id for row in rows]) if pages else []
    return Reply(listed(call, "migrations", [_view(call, row) for row in rows], more))


def _filters(call: Call, asked: dict[str, str]) -> list[Filter]:
    found = [Filter(field, asked[name]) for name, field in _FILTERS.items() if name in asked]
    if {"host", "source_compute"} & asked.keys() or asked.get("migration_type", "resize") != "resize":
        found.append(Filter("id", [], "in"))  # nothing
    if call.microversion < _PAGES:
        return found
    times = {name: _given(asked[name]) for name in ("changes-since", "changes-before") if name in asked}
    if len(times) == 2 and times["changes-before"] < times["changes-since"]:
        raise Invalid("The value of changes-since must be less than or equal to changes-before.")
    return found + [Filter("updated_at", at, "ge" if name.endswith("since") else "le") for name, at in times.items()]


def _given(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _view(call: Call, row: Resource) -> dict[str, Any]:
    """Nova's record. Its numbers of flavors are its database's own, and so is `id`, by which nothing is found."""
    shown: dict[str, Any] = dict.fromkeys((*_HOSTS, "old_instance_type_id", "new_instance_type_id"))
    shown |= {
        "id": UUID(row.id).int & _LARGEST_ID,
        "instance_uuid": row.parent_id,
        "status": row.status,
        "created_at": _time(row.created_at),
        "updated_at": _time(row.updated_at),
    }
    if call.microversion >= _TYPES:
        shown["migration_type"] = "resize"
    if call.microversion >= _PAGES:
        shown["uuid"] = row.id
    if call.microversion >= _WHOSE:
        shown |= {"user_id": row.user_id, "project_id": row.project_id}
    return shown


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000")


@routes.get(_PATH, policy=f"{_RULE}:index", since="2.23")
async def index(call: Call) -> Reply:
    """None."""
    query(call, schema.NO_QUERY)
    await found(call)
    return Reply({"migrations": []})


@routes.get(_PATH + "/{migration_id}", policy=f"{_RULE}:show", since="2.23")
async def show(call: Call) -> Reply:
    """There is none to show."""
    server = await found(call)
    raise NotFound(f"In-progress live migration {call.path['migration_id']} is not found for server {server.id}.")


@routes.delete(_PATH + "/{migration_id}", policy=f"{_RULE}:delete", since="2.24")
async def delete(call: Call) -> Reply:
    """Nova looks at the server's state first, and it is never that of one on its way to another host."""
    raise _not_moving(await found(call), "abort live migration")


@routes.post(_PATH + "/{migration_id}/action", policy=f"{_RULE}:force_complete")
async def hurry(call: Call) -> Reply:
    """force_complete."""
    if (name := operations.action_of(call)) != "force_complete":
        raise Invalid(f"There is no such action: {name}")
    if call.microversion < _HURRIED:
        raise NotFound("The resource could not be found.")
    schema.FORCE_COMPLETE.check(call.json(), call.microversion)
    raise _not_moving(await found(call), "force_complete")


def _not_moving(server: Resource, verb: str) -> Conflict:
    return Conflict(f"Instance {server.id} is in an invalid state for '{verb}'")

"""A server's tags, since 2.26: row and generation here, and the zone hears of it next."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import quote

from vregion.api.compute.requests import body, query
from vregion.api.compute.server_calls import found
from vregion.api.compute.server_metadata import STATES
from vregion.api.compute.servers import project
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import server_parts as schema
from vregion.api.schemas.compute.types import TAGS
from vregion.model.refusals import Conflict, Invalid, NotFound
from vregion.model.resource import Resource
from vregion.region import servers

routes = Routes()
_RULE = "os_compute_api:os-server-tags"
RULES = {
    **dict.fromkeys((f"{_RULE}:index", f"{_RULE}:show"), "reader"),
    **dict.fromkeys((f"{_RULE}:update", f"{_RULE}:update_all", f"{_RULE}:delete", f"{_RULE}:delete_all"), "member"),
}
_SINCE = "2.26"
_LONGEST = 60


@contextmanager
def _unmapped(call: Call) -> Iterator[None]:
    """Of a server that is not there Nova's tags say something else (nova 34.0.0 `compute/server_tags.py`)."""
    try:
        yield
    except NotFound as absent:
        raise NotFound(f"Instance {call.path['id']} has no mapping to a cell.") from absent


async def _found(call: Call) -> Resource:
    with _unmapped(call):
        return await found(call)


async def _change(call: Call, verb: str, changed: Callable[[list[str]], list[str]]) -> tuple[list[str], list[str]]:
    """The tags before and after."""
    async with call.region.write() as tx:
        with _unmapped(call):
            server = await servers.hold(tx, call.path["id"], project(call))
        if server.spec["vm_state"] not in STATES:
            raise Conflict(f"Cannot '{verb}' instance {server.id} while it is in vm_state {server.spec['vm_state']}")
        before = list(server.spec.get("tags", []))
        after = sorted(set(changed(before)))
        await servers.update(tx, server, {"tags": after}, datetime.now(UTC))
    return before, after


@routes.get("/servers/{id}/tags", policy=f"{_RULE}:index", since=_SINCE)
async def index(call: Call) -> Reply:
    """All of them."""
    query(call, schema.NO_QUERY)
    return Reply({"tags": (await _found(call)).spec.get("tags", [])})


@routes.put("/servers/{id}/tags", policy=f"{_RULE}:update_all", since=_SINCE)
async def replace(call: Call) -> Reply:
    """These and no others."""
    given = body(call, schema.ALL_TAGS)["tags"]
    _, tags = await _change(call, "update tags", lambda before: given)
    return Reply({"tags": tags})


@routes.delete("/servers/{id}/tags", policy=f"{_RULE}:delete_all", since=_SINCE)
async def clear(call: Call) -> Reply:
    """None."""
    await _change(call, "delete tags", lambda before: [])
    return Reply(None, 204)


@routes.get("/servers/{id}/tags/{tag}", policy=f"{_RULE}:show", since=_SINCE)
async def show(call: Call) -> Reply:
    """Whether it has that tag."""
    query(call, schema.NO_QUERY)
    server, tag = await _found(call), call.path["tag"]
    if tag not in server.spec.get("tags", []):
        raise NotFound(f"Server {server.id} has no tag '{tag}'")
    return Reply(None, 204)


@routes.put("/servers/{id}/tags/{tag}", policy=f"{_RULE}:update", since=_SINCE)
async def update(call: Call) -> Reply:
    """Add one; 204 when it was there."""
    if call.body_bytes:
        body(call, schema.ONE_TAG)
    tag = call.path["tag"]
    if not 0 < len(tag) <= _LONGEST or "," in tag:
        raise Invalid(
            f"Tag '{tag}' is invalid. It must be a non empty string without characters '/' and ','. "
            f"Validation error message: '{tag}' is too long"
        )

    def added(before: list[str]) -> list[str]:
        if tag not in before and len(before) >= TAGS["maxItems"]:
            raise Invalid(f"The number of tags exceeded the per-server limit {TAGS['maxItems']}")
        return [*before, tag]

    before, _ = await _change(call, "update tag", added)
    if tag in before:
        return Reply(None, 204)
    return Reply(None, 201, {"Location": f"{call.base}/servers/{call.path['id']}/tags/{quote(tag)}"})


@routes.delete("/servers/{id}/tags/{tag}", policy=f"{_RULE}:delete", since=_SINCE)
async def delete(call: Call) -> Reply:
    """Take one away."""
    tag = call.path["tag"]

    def without(before: list[str]) -> list[str]:
        if tag not in before:
            raise NotFound(f"Instance {call.path['id']} has no tag '{tag}'")
        return [one for one in before if one != tag]

    await _change(call, "delete tag", without)
    return Reply(None, 204)

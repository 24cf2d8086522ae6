"""Tags of a namespace of metadata definitions, one at a time or all at once."""

from datetime import UTC, datetime
from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.image import bodies
from vregion.api.image.metadef_namespaces import dated
from vregion.api.schemas.image import metadefs as schema
from vregion.model.refusals import Invalid
from vregion.model.resource import Resource
from vregion.region import metadefs

routes = Routes()
_PATH = "/metadefs/namespaces/{namespace}/tags"
_READ_ONLY = ("self", "schema", "created_at", "updated_at")
_TRUE = ("true", "1", "t", "y", "yes", "on")


@routes.get(_PATH, policy="get_metadef_tags")
async def index(call: Call) -> Reply:
    """One page, the newest first unless asked otherwise."""
    limit = bodies.limit(call) if bodies.first(call, "limit", None) else None
    key, ascending = bodies.first(call, "sort_key", "created_at"), bodies.ascending(call)
    marker = bodies.first(call, "marker", None)
    async with call.region.read() as tx:
        namespace = await metadefs.get(tx, call.caller, call.path["namespace"])
    if key not in ("created_at", "updated_at", "name"):
        raise Invalid(f"Invalid sort key: {key}")
    found = metadefs.ordered(namespace, metadefs.TAGS)
    found = sorted(found, key=lambda item: (item[1][key], item[1]["created_at"], item[0]), reverse=not ascending)
    names = [name for name, _ in found]
    if marker:
        metadefs.named(namespace, metadefs.TAGS, marker)
        names = names[names.index(marker) + 1 :]
    return Reply({"tags": [{"name": name} for name in names[:limit]]})


@routes.post(_PATH, policy="add_metadef_tags")
async def create_all(call: Call) -> Reply:
    """These instead of all that are there; with the header X-Openstack-Append beside them."""
    body = bodies.checked(call, schema.TAGS_BODY, "tags", _READ_ONLY)
    append = call.headers.get("x-openstack-append", "").strip().lower() in _TRUE
    now = datetime.now(UTC)
    async with call.region.write() as tx:
        namespace = await metadefs.hold(tx, call.caller, call.path["namespace"])
        if not append and body.get("tags"):
            namespace = await metadefs.drop(tx, namespace, metadefs.TAGS)
        for at, tag in enumerate(body.get("tags", ())):
            moment = now.replace(microsecond=at % 1000000)
            namespace = await metadefs.put(tx, namespace, metadefs.TAGS, tag["name"], tag, moment)
    return Reply({"tags": [{"name": tag["name"]} for tag in body.get("tags", ())]}, 201)


@routes.get(_PATH + "/{tag_name}", policy="get_metadef_tag")
async def show(call: Call) -> Reply:
    """One."""
    async with call.region.read() as tx:
        namespace = await metadefs.get(tx, call.caller, call.path["namespace"])
    return Reply(_document(namespace, call.path["tag_name"]))


@routes.post(_PATH + "/{tag_name}", policy="add_metadef_tag")
async def create(call: Call) -> Reply:
    """One, named by the path."""
    bodies.refused(call)
    name = call.path["tag_name"]
    bodies.matches(call, schema.TAG_BODY, "tag", {"name": name})
    return Reply(await _put(call, name, ""), 201)


@routes.put(_PATH + "/{tag_name}", policy="modify_metadef_tag")
async def update(call: Call) -> Reply:
    """Another name."""
    body = bodies.checked(call, schema.TAG_BODY, "tag", _READ_ONLY)
    return Reply(await _put(call, body["name"], call.path["tag_name"]))


@routes.delete(_PATH + "/{tag_name}", policy="delete_metadef_tag")
async def delete(call: Call) -> Reply:
    """One."""
    name = call.path["tag_name"]
    async with call.region.write() as tx:
        namespace = await metadefs.hold(tx, call.caller, call.path["namespace"])
        metadefs.named(namespace, metadefs.TAGS, name)
        metadefs.unprotected(namespace, metadefs.TAGS, name)
        await metadefs.drop(tx, namespace, metadefs.TAGS, [name])
    return Reply(status=204)


def _document(namespace: Resource, name: str) -> dict[str, Any]:
    return {"name": name} | dated(metadefs.named(namespace, metadefs.TAGS, name))


async def _put(call: Call, name: str, old: str) -> dict[str, Any]:
    async with call.region.write() as tx:
        namespace = await metadefs.hold(tx, call.caller, call.path["namespace"])
        if old:
            metadefs.named(namespace, metadefs.TAGS, old)
        namespace = await metadefs.put(tx, namespace, metadefs.TAGS, name, {"name": name}, datetime.now(UTC), old)
    return _document(namespace, name)

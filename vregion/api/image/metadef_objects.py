"""Objects of a namespace of metadata definitions: groups of properties."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.image import bodies
from vregion.api.schemas.image import metadefs as schema
from vregion.model.resource import Resource
from vregion.region import metadefs

routes = Routes()
_PATH = "/metadefs/namespaces/{namespace}/objects"
_READ_ONLY = ("self", "schema", "created_at", "updated_at")
_GIVEN = ("description", "required", "properties")


@routes.get(_PATH, policy="get_metadef_objects")
async def index(call: Call) -> Reply:
    """All of them, oldest first: Glance checks the paging and does not heed it (33.0.0, seen)."""
    bodies.limit(call, 1)
    bodies.ascending(call)
    async with call.region.read() as tx:
        namespace = await metadefs.get(tx, call.caller, call.path["namespace"], metadefs.absent)
    found = [document(namespace, name, item) for name, item in metadefs.ordered(namespace, metadefs.OBJECTS)]
    return Reply({"objects": found, "schema": "v2/schemas/metadefs/objects"})


@routes.post(_PATH, policy="add_metadef_object")
async def create(call: Call) -> Reply:
    """201."""
    body = bodies.checked(call, schema.OBJECT_BODY, "object", _READ_ONLY)
    for item in body.get("properties", {}).values():
        bodies.matches(call, schema.NAMELESS_PROPERTY_BODY, "property", item)
    return Reply(await _put(call, body, ""), 201)


@routes.get(_PATH + "/{object_name}", policy="get_metadef_object")
async def show(call: Call) -> Reply:
    """One."""
    name = call.path["object_name"]
    async with call.region.read() as tx:
        namespace = await metadefs.get(tx, call.caller, call.path["namespace"], metadefs.absent)
    return Reply(document(namespace, name, metadefs.named(namespace, metadefs.OBJECTS, name)))


@routes.put(_PATH + "/{object_name}", policy="modify_metadef_object")
async def update(call: Call) -> Reply:
    """All of it anew, the name too."""
    body = bodies.checked(call, schema.OBJECT_BODY, "object", _READ_ONLY)
    return Reply(await _put(call, body, call.path["object_name"]))


@routes.delete(_PATH + "/{object_name}", policy="delete_metadef_object")
async def delete(call: Call) -> Reply:
    """One."""
    name = call.path["object_name"]
    async with call.region.write() as tx:
        namespace = await metadefs.hold(tx, call.caller, call.path["namespace"], metadefs.absent)
        metadefs.named(namespace, metadefs.OBJECTS, name)
        metadefs.unprotected(namespace, metadefs.OBJECTS, name)
        await metadefs.drop(tx, namespace, metadefs.OBJECTS, [name])
    return Reply(status=204)


def document(namespace: Resource, name: str, item: Mapping[str, Any]) -> dict[str, Any]:
    """Glance's form of one that is stored."""
    return {"required": [], "properties": {}} | _fresh(namespace, name, item)


def _fresh(namespace: Resource, name: str, item: Mapping[str, Any]) -> dict[str, Any]:
    """As it is answered when it was just written: what was not given is not shown."""
    shown = {"name": name} | {key: item[key] for key in _GIVEN if item.get(key) is not None}
    shown |= {key: metadefs.stamp(item[key]) for key in (metadefs.CREATED, metadefs.UPDATED)}
    place = f"/v2/metadefs/namespaces/{namespace.id}/objects/{name}"
    return shown | {"self": place, "schema": "/v2/schemas/metadefs/object"}


async def _put(call: Call, body: dict[str, Any], old: str) -> dict[str, Any]:
    name = body["name"]
    async with call.region.write() as tx:
        namespace = await metadefs.hold(tx, call.caller, call.path["namespace"], metadefs.absent)
        if old:
            metadefs.named(namespace, metadefs.OBJECTS, old)
        item = {key: body[key] for key in ("name", *_GIVEN) if key in body}
        namespace = await metadefs.put(tx, namespace, metadefs.OBJECTS, name, item, datetime.now(UTC), old)
    return _fresh(namespace, name, metadefs.named(namespace, metadefs.OBJECTS, name))

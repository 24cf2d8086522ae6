"""Properties of a namespace of metadata definitions, each a piece of JSON Schema with a title."""

from datetime import UTC, datetime
from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.image import bodies
from vregion.api.image.metadef_namespaces import timeless
from vregion.api.schemas.image import metadefs as schema
from vregion.model.refusals import NotFound
from vregion.model.resource import Resource
from vregion.region import metadefs

routes = Routes()
_PATH = "/metadefs/namespaces/{namespace}/properties"
_READ_ONLY = ("created_at", "updated_at")


@routes.get(_PATH, policy="get_metadef_properties")
async def index(call: Call) -> Reply:
    """All, by name."""
    async with call.region.read() as tx:
        namespace = await metadefs.get(tx, call.caller, call.path["namespace"])
    found = metadefs.ordered(namespace, metadefs.PROPERTIES)
    return Reply({"properties": {name: timeless(item) for name, item in found}})


@routes.post(_PATH, policy="add_metadef_property")
async def create(call: Call) -> Reply:
    """201."""
    return Reply(await _put(call, ""), 201)


@routes.get(_PATH + "/{property_name}", policy="get_metadef_property")
async def show(call: Call) -> Reply:
    """One; with a resource type its name begins with that type's prefix."""
    name, kind = call.path["property_name"], call.query.get("resource_type")
    async with call.region.read() as tx:
        namespace = await metadefs.get(tx, call.caller, call.path["namespace"])
    if kind:
        name = _unprefixed(namespace, name, kind)
    return Reply({"name": name} | timeless(metadefs.named(namespace, metadefs.PROPERTIES, name)))


@routes.put(_PATH + "/{property_name}", policy="modify_metadef_property")
async def update(call: Call) -> Reply:
    """All of it anew, the name too."""
    return Reply(await _put(call, call.path["property_name"]))


@routes.delete(_PATH + "/{property_name}", policy="remove_metadef_property")
async def delete(call: Call) -> Reply:
    """One."""
    name = call.path["property_name"]
    async with call.region.write() as tx:
        namespace = await metadefs.hold(tx, call.caller, call.path["namespace"])
        metadefs.named(namespace, metadefs.PROPERTIES, name)
        metadefs.unprotected(namespace, metadefs.PROPERTIES, name)
        await metadefs.drop(tx, namespace, metadefs.PROPERTIES, [name])
    return Reply(status=204)


def _unprefixed(namespace: Resource, name: str, kind: str) -> str:
    known = namespace.spec[metadefs.TYPES].get(kind)
    if known is None:
        raise NotFound(
            f"The metadata definition resource-type association of resource-type={kind} to namespace={namespace.id}, "
            "was not found."
        )
    prefix = known.get("prefix")
    if not prefix or not name.startswith(prefix):
        words = "does not start with the expected resource type association prefix of"
        raise NotFound(f"Property {name} {words} '{prefix}'.")
    return name.removeprefix(prefix)


async def _put(call: Call, old: str) -> dict[str, Any]:
    body = bodies.checked(call, schema.PROPERTY_BODY, "property", _READ_ONLY)
    async with call.region.write() as tx:
        namespace = await metadefs.hold(tx, call.caller, call.path["namespace"])
        if old:
            metadefs.named(namespace, metadefs.PROPERTIES, old)
        await metadefs.put(tx, namespace, metadefs.PROPERTIES, body["name"], body, datetime.now(UTC), old)
    return body

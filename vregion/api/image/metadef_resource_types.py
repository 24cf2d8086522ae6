"""Resource types: what a namespace's definitions are for (images, flavors, volumes), and with which prefix."""

from datetime import UTC, datetime

from vregion.api.http import Call, Reply, Routes
from vregion.api.image import bodies
from vregion.api.image.metadef_namespaces import dated
from vregion.api.schemas.image import metadefs as schema
from vregion.region import metadefs

routes = Routes()
_PATH = "/metadefs/namespaces/{namespace}/resource_types"


@routes.get("/metadefs/resource_types", policy="list_metadef_resource_types")
async def index(call: Call) -> Reply:
    """All that some namespace was associated with."""
    async with call.region.read() as tx:
        found = await metadefs.resource_types(tx)
    times = (metadefs.stamp(kind.created_at.isoformat()) for kind in found)
    shown = [{"name": kind.id, "created_at": at, "updated_at": at} for kind, at in zip(found, times, strict=True)]
    return Reply({"resource_types": shown})


@routes.get(_PATH, policy="get_metadef_resource_type")
async def show(call: Call) -> Reply:
    """A namespace's."""
    async with call.region.read() as tx:
        namespace = await metadefs.get(tx, call.caller, call.path["namespace"])
    found = [dated(item) for _, item in metadefs.ordered(namespace, metadefs.TYPES)]
    return Reply({"resource_type_associations": found})


@routes.post(_PATH, policy="add_metadef_resource_type_association")
async def create(call: Call) -> Reply:
    """201."""
    body = bodies.checked(call, schema.RESOURCE_TYPE_BODY, "resource_type_association", ("created_at", "updated_at"))
    async with call.region.write() as tx:
        namespace = await metadefs.hold(tx, call.caller, call.path["namespace"])
        namespace = await metadefs.put(tx, namespace, metadefs.TYPES, body["name"], body, datetime.now(UTC))
    return Reply(dated(metadefs.named(namespace, metadefs.TYPES, body["name"])), 201)


@routes.delete(_PATH + "/{resource_type}", policy="remove_metadef_resource_type_association")
async def delete(call: Call) -> Reply:
    """The association; the type stays known."""
    name = call.path["resource_type"]
    async with call.region.write() as tx:
        namespace = await metadefs.hold(tx, call.caller, call.path["namespace"])
        metadefs.named(namespace, metadefs.TYPES, name)
        metadefs.unprotected(namespace, metadefs.TYPES, name)
        await metadefs.drop(tx, namespace, metadefs.TYPES, [name])
    return Reply(status=204)

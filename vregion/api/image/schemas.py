"""The schemas that Glance publishes below /v2/schemas."""

from collections.abc import Awaitable, Callable
from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.image import metadefs as defs
from vregion.api.schemas.image.image_members import MEMBER, MEMBERS
from vregion.api.schemas.image.images import IMAGE, IMAGES
from vregion.api.schemas.image.tasks import TASK, TASKS

routes = Routes()
SCHEMAS: dict[str, dict[str, Any]] = {
    "image": IMAGE,
    "images": IMAGES,
    "member": MEMBER,
    "members": MEMBERS,
    "task": TASK,
    "tasks": TASKS,
    "metadefs/namespace": defs.NAMESPACE,
    "metadefs/namespaces": defs.collection("namespaces", defs.NAMESPACE),
    "metadefs/object": defs.OBJECT,
    "metadefs/objects": defs.collection("objects", defs.OBJECT),
    "metadefs/property": defs.PROPERTY,
    "metadefs/properties": defs.properties(),
    "metadefs/resource_type": defs.RESOURCE_TYPE,
    "metadefs/resource_types": defs.collection("resource_type_associations", defs.RESOURCE_TYPE),
    "metadefs/tag": defs.TAG,
    "metadefs/tags": defs.collection("tags", defs.TAG),
}


def _sender(found: dict[str, Any]) -> Callable[[Call], Awaitable[Reply]]:
    async def schema(call: Call) -> Reply:
        return Reply(found)

    return schema


for _name, _schema in SCHEMAS.items():
    routes.get(f"/schemas/{_name}", policy="get_schema")(_sender(_schema))

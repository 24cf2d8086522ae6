"""Tasks: what became of imports. An admin of the virtual region sees all of them; whoever sees an image, the image's.

`POST /tasks` is Glance's older way to import: a new image from an URL.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from vregion.api.http import Call, Reply, Routes
from vregion.api.image import bodies, image_imports
from vregion.api.schemas.image.tasks import BODY
from vregion.model.refusals import Invalid, NotFound
from vregion.model.resource import Kind
from vregion.region import images, resources, tasks
from vregion.region.resources import Filter, Query

routes = Routes()
_SORT_KEYS = {
    "created_at": "created_at",
    "updated_at": "updated_at",
    "id": "id",
    "status": "status",
    "type": "spec.type",
}
_STATES = ("pending", "processing", "success", "failure")


@routes.get("/tasks", policy="tasks_api_access")
async def index(call: Call) -> Reply:
    """One page, briefly."""
    limit, marker = bodies.limit(call), bodies.first(call, "marker", None)
    key, ascending = bodies.first(call, "sort_key", "created_at"), bodies.ascending(call)
    if key not in _SORT_KEYS:
        raise Invalid("Sort key supplied was not valid.")
    if marker and not _is_uuid(marker):
        raise Invalid("Invalid marker format")
    filters = [tasks.living(datetime.now(UTC)), *_filters(call)]
    asked = Query(Kind.TASK, None, filters, ((_SORT_KEYS[key], ascending),), limit, marker)
    async with call.region.read() as tx:
        if marker is not None and await resources.find(tx, Kind.TASK, marker) is None:
            raise Invalid(f"Task with the given id {marker} was not found")
        found = await resources.list_resources(tx, asked)
    shown: dict[str, Any] = {"tasks": [tasks.brief(task) for task in found], "first": bodies.page(call, "/v2/tasks")}
    if found and len(found) == limit:
        shown["next"] = bodies.page(call, "/v2/tasks", found[-1].id)
    return Reply(shown | {"schema": "/v2/schemas/tasks"})


@routes.post("/tasks", policy="tasks_api_access")
async def create(call: Call) -> Reply:
    """An import from an URL. The other types come about by other requests."""
    body = bodies.required(call)
    for name in ("type", "input"):
        if not isinstance(body, dict) or name not in body:
            raise Invalid(f"Task '{name}' is required")
    bodies.matches(call, BODY, "task", body)
    if body["type"] != "import":
        raise Invalid(f"Provided type of task is unsupported: {body['type']}")
    task = await image_imports.by_task(call, body["input"] or {})
    return Reply(tasks.document(task), 201, {"Location": f"/v2/tasks/{task.id}"})


@routes.get("/tasks/{task_id}", policy="tasks_api_access")
async def show(call: Call) -> Reply:
    """All of it."""
    async with call.region.read() as tx:
        return Reply(tasks.document(await tasks.get(tx, call.path["task_id"], datetime.now(UTC))))


@routes.get("/images/{image_id}/tasks", policy="get_image")
async def of_image(call: Call) -> Reply:
    """An image's, for whoever sees it and is of the project that began them."""
    async with call.region.read() as tx:
        image = await images.present(tx, call.path["image_id"])
        if image is None or not images.may_see(image, call.project_id):
            raise NotFound("The resource could not be found.")  # glance 33.0.0 api/v2/images.py get_task_info
        found = await tasks.of_image(tx, image.id, datetime.now(UTC))
    mine = [task for task in found if call.caller.is_admin or task.project_id == call.project_id]
    return Reply({"tasks": [tasks.row(task) for task in mine]})


def _filters(call: Call) -> list[Filter]:
    found = []
    if status := call.query.get("status"):
        if status not in _STATES:
            raise Invalid(f"Invalid status value: {status}")
        found.append(Filter("status", status))
    if kind := call.query.get("type"):
        if kind != "import":
            raise Invalid(f"Invalid type value: {kind}")
        found.append(Filter("spec.type", kind))
    return found


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True

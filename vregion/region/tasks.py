"""Tasks: what became of an import, for those who ask by the older API. Each is a row of its own.

Called by the image API and by the rules of imports. A task that ended is shown for two days, as in Glance
(`task_time_to_live`), and is removed when the project begins its next one.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import delete

from vregion.model.caller import Caller
from vregion.model.refusals import NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import resources
from vregion.region.regions import Transaction
from vregion.region.resources import Filter
from vregion.region.tables import resources as rows

EXPIRES = "expires_at"
TIME_TO_LIVE = timedelta(hours=48)


async def begin(
    tx: Transaction, caller: Caller, image_id: str, kind: str, given: Mapping[str, Any], now: datetime
) -> Resource:
    """A task that is being worked on."""
    mine = (rows.c.region_id == tx.region_id, rows.c.kind == Kind.TASK, rows.c.project_id == caller.project_id)
    ended = rows.c.status.in_(("success", "failure"))
    await tx.execute(delete(rows).where(*mine, ended, rows.c.updated_at < now - TIME_TO_LIVE))
    task = Resource(
        id=str(uuid4()),
        kind=Kind.TASK,
        project_id=caller.project_id,
        user_id=caller.user_id,
        name="",
        status="processing",
        created_at=now,
        updated_at=now,
        spec={"type": kind, "input": dict(given), "result": None, "message": "", "request_id": caller.request_id},
        parent_id=image_id,
    )
    await resources.insert_resource(tx, task)
    return task


async def end(tx: Transaction, task_id: str, now: datetime, *, failure: str = "", message: str = "") -> None:
    """It succeeded, or failed for that reason. One that ended already stays as it is."""
    task = await resources.find(tx, Kind.TASK, task_id)
    if task is None or task.status != "processing":
        return
    spec = task.spec | {EXPIRES: (now + TIME_TO_LIVE).isoformat(), "message": failure or message}
    if not failure:
        spec["result"] = {"image_id": task.parent_id}
    await resources.change(tx, task, spec=spec, status="failure" if failure else "success", updated_at=now)


async def get(tx: Transaction, task_id: str, now: datetime) -> Resource:
    """One that has not expired. Raises NotFound."""
    task = await resources.find(tx, Kind.TASK, task_id)
    if task is None or (task.spec.get(EXPIRES) and datetime.fromisoformat(task.spec[EXPIRES]) < now):
        raise NotFound(f"Could not find task {task_id}")
    return task


def living(now: datetime) -> Filter:
    """The condition of a list: not ended, or not so long ago."""
    recent = Filter("updated_at", now - TIME_TO_LIVE, "ge")
    return Filter("", [recent, Filter("status", ["pending", "processing"], "in")], "any")


async def of_image(tx: Transaction, image_id: str, now: datetime) -> list[Resource]:
    """An image's, oldest first."""
    found = await resources.children(tx, Kind.TASK, image_id)
    return [task for task in found if task.status == "processing" or task.updated_at >= now - TIME_TO_LIVE]


def brief(task: Resource) -> dict[str, Any]:
    """What a list shows."""
    place = f"/v2/tasks/{task.id}"
    shown = {
        "id": task.id,
        "type": task.spec["type"],
        "status": task.status,
        "owner": task.project_id,
        "created_at": _time(task.created_at),
        "updated_at": _time(task.updated_at),
        "self": place,
        "schema": "/v2/schemas/task",
    }
    if task.spec.get(EXPIRES):
        shown[EXPIRES] = _time(datetime.fromisoformat(task.spec[EXPIRES]))
    return shown


def document(task: Resource) -> dict[str, Any]:
    """What a show answers."""
    more = {name: task.spec[name] for name in ("input", "result", "message", "request_id")}
    return brief(task) | more | {"image_id": task.parent_id, "user_id": task.user_id}


def row(task: Resource) -> dict[str, Any]:
    """As the list of an image's tasks shows it: Glance's own row (glance 33.0.0 api/v2/images.py get_task_info)."""
    expires = task.spec.get(EXPIRES)
    shown = {key: value for key, value in document(task).items() if key not in ("self", "schema")}
    times: dict[str, str | None] = {"created_at": _exact(task.created_at), "updated_at": _exact(task.updated_at)}
    times[EXPIRES] = _exact(datetime.fromisoformat(expires)) if expires else None
    return shown | times | {"deleted_at": None, "deleted": False}


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _exact(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000")

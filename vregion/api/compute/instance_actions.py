"""What was asked of a server and what became of it; since 2.21 also of servers that are gone."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from vregion.api.compute.links import next_page, page_size
from vregion.api.compute.requests import query
from vregion.api.compute.servers import project
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import server_parts as schema
from vregion.model.microversion import Microversion
from vregion.model.refusals import Invalid, NotFound
from vregion.region import actions, servers

routes = Routes()
_RULE = "os_compute_api:os-instance-actions"
RULES = {
    **dict.fromkeys((f"{_RULE}:list", f"{_RULE}:show"), "reader"),
    f"{_RULE}:events": "admin",
    # Nova shows details to admins alone, since they name hosts; ours name zones and reasons.
    f"{_RULE}:events:details": "reader",
}
_PATH = "/servers/{id}/os-instance-actions"
_GONE, _PAGES = Microversion(2, 21), Microversion(2, 58)
_EVENTS, _HOST_IDS, _DETAILS = Microversion(2, 51), Microversion(2, 62), Microversion(2, 84)
Row = dict[str, Any]


async def _rows(call: Call) -> list[Row]:
    """The server's actions, newest first. Raises NotFound for a server that this project never had."""
    server_id = call.path["id"]
    async with call.region.read() as tx:
        rows = await actions.of_server(tx, server_id)
        if call.microversion < _GONE or not rows:
            await servers.get(tx, server_id, project(call))
    mine = [row for row in rows if project(call) in (None, row["project_id"])]
    if rows and not mine:
        raise NotFound(f"Instance {server_id} could not be found.")
    return mine


def _view(call: Call, row: Row) -> Row:
    shown = {
        "action": row["action"],
        "instance_uuid": row["resource_id"],
        "request_id": row["request_id"],
        "user_id": row["user_id"],
        "project_id": row["project_id"],
        "start_time": _time(row["started_at"]),
        "message": row["message"],
    }
    return shown | ({"updated_at": _time(row["updated_at"])} if call.microversion >= _PAGES else {})


@routes.get(_PATH, policy=f"{_RULE}:list")
async def index(call: Call) -> Reply:
    """All of them; paged and filtered since 2.58."""
    asked = query(call, schema.LIST_ACTIONS)
    rows = await _rows(call)
    if call.microversion < _PAGES:
        return Reply({"instanceActions": [_view(call, row) for row in rows]})
    rows = _between(rows, {name: values[0] for name, values in asked.items()})
    if (marker := call.query.get("marker")) is not None and page_size(call):
        ids = [row["request_id"] for row in rows]
        if marker not in ids:
            raise Invalid("Marker None could not be found.")  # nova 34.0.0 db/main/api.py actions_get has lost it
        rows = rows[ids.index(marker) + 1 :]
    rows = rows[: page_size(call)]
    place = f"servers/{call.path['id']}/os-instance-actions"
    more = next_page(call, place, [row["request_id"] for row in rows])
    return Reply({"instanceActions": [_view(call, row) for row in rows]} | ({"links": more} if more else {}))


def _between(rows: list[Row], asked: dict[str, str]) -> list[Row]:
    since, before = (_given(asked.get(name)) for name in ("changes-since", "changes-before"))
    if since and before and before < since:
        raise Invalid("The value of changes-since must be less than or equal to changes-before.")
    return [r for r in rows if (not since or r["updated_at"] >= since) and (not before or r["updated_at"] <= before)]


def _given(text: str | None) -> datetime | None:
    if text is None:
        return None
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


@routes.get(_PATH + "/{request_id}", policy=f"{_RULE}:show")
async def show(call: Call) -> Reply:
    """One, with its events since 2.51."""
    query(call, schema.NO_QUERY)
    wanted = call.path["request_id"]
    row = next((row for row in await _rows(call) if row["request_id"] == wanted), None)
    if row is None:
        raise NotFound(f"Action {wanted} not found")
    shown = _view(call, row)
    everything = call.policy.check(f"{_RULE}:events", call.caller)
    if everything or call.microversion >= _EVENTS:
        shown["events"] = [_event(call, row, event, everything) for event in row["events"]]
    return Reply({"instanceAction": shown})


def _event(call: Call, row: Row, event: Row, everything: bool) -> Row:
    shown = {name: event[name] for name in ("event", "start_time", "finish_time", "result")}
    for name in ("start_time", "finish_time"):
        shown[name] = _time(datetime.fromisoformat(shown[name])) if shown[name] else None
    if everything:
        shown["traceback"] = None
    if call.microversion >= _HOST_IDS:
        # A virtual region's "host" is itself: the id is stable for a project and says nothing.
        shown["hostId"] = hashlib.sha224(str(row["project_id"]).encode()).hexdigest()
        if everything:
            shown["host"] = ""
    if call.microversion >= _DETAILS and call.policy.check(f"{_RULE}:events:details", call.caller):
        shown["details"] = event["details"]
    return shown


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")

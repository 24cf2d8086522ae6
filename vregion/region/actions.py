"""What was asked of a server and what became of it: Nova's instance actions, kept when the server is gone.

Written by the transaction that accepts a request, finished by the one that observes its end. An event's `details` say
what vregion decided (the scheduler's reason).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from vregion.model.caller import Caller
from vregion.model.resource import Resource
from vregion.region.regions import Transaction
from vregion.region.tables import actions

Event = dict[str, Any]


async def begin(
    tx: Transaction,
    caller: Caller,
    servers: Sequence[Resource],
    action: str,
    now: datetime,
    events: Sequence[Event] = (),
) -> None:
    """Something was asked of these servers."""
    rows = [
        {
            "region_id": tx.region_id,
            "resource_id": server.id,
            "request_id": caller.request_id,
            "action": action,
            "project_id": server.project_id,
            "user_id": caller.user_id,
            "started_at": now,
            "updated_at": now,
            "message": None,
            "events": list(events),
        }
        for server in servers
    ]
    await tx.execute(insert(actions), rows)


def event(name: str, now: datetime, *, done: bool = False, details: str | None = None) -> Event:
    """One step of an action. `done` False: `finish` ends it."""
    at = now.isoformat(timespec="seconds")
    return {
        "event": name,
        "start_time": at,
        "finish_time": at if done else None,
        "result": "Success" if done else None,
        "details": details,
    }


async def finish(tx: Transaction, server_id: str, now: datetime, error: str | None = None) -> None:
    """The server has come to rest: whatever was under way has ended, well or with an error."""
    for row in await of_server(tx, server_id):
        open_events = [e for e in row["events"] if e["finish_time"] is None]
        if not open_events:
            continue
        ended = {"finish_time": now.isoformat(timespec="seconds"), "result": "Error" if error else "Success"}
        events = [e | ended | ({"details": error} if error else {}) if e in open_events else e for e in row["events"]]
        message = "Error" if error else None
        await tx.execute(
            update(actions)
            .where(
                actions.c.region_id == tx.region_id,
                actions.c.resource_id == server_id,
                actions.c.request_id == row["request_id"],
                actions.c.action == row["action"],
            )
            .values(updated_at=now, events=events, message=message)
        )


async def of_server(tx: Transaction, server_id: str) -> list[dict[str, Any]]:
    """Every action of a server, the newest first."""
    rows = await tx.execute(
        select(actions)
        .where(actions.c.region_id == tx.region_id, actions.c.resource_id == server_id)
        .order_by(actions.c.started_at.desc(), actions.c.request_id.desc())
    )
    return [dict(row._mapping) for row in rows]

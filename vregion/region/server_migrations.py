"""Resizes of servers as Nova shows them, as migrations: one row each, of whoever asked for it, gone with the server.

Written by `server_changes` (what was asked) and `servers` (what was seen). What a zone's operator does with a server is
not known here, and hosts never are.
"""

from datetime import datetime
from uuid import uuid4

from sqlalchemy import delete

from vregion.model.caller import Caller
from vregion.model.resource import Kind, Resource
from vregion.region import resources
from vregion.region.regions import Transaction
from vregion.region.tables import resources as rows

_UNDER_WAY = {  # by the server's task (nova 34.0.0 compute/manager.py)
    "resize_migrating": "migrating",
    "resize_migrated": "post-migrating",
    "resize_finish": "post-migrating",
    "resize_reverting": "reverting",
}
_ENDED = frozenset({"confirmed", "reverted", "error"})
_ARRIVED = frozenset({"finished", "confirming", "reverting"})


async def begin(tx: Transaction, caller: Caller, server_id: str, now: datetime) -> None:
    """A resize is asked for."""
    row = Resource(
        id=str(uuid4()),
        kind=Kind.MIGRATION,
        project_id=caller.project_id,
        user_id=caller.user_id,
        name="",
        status="pre-migrating",
        created_at=now,
        updated_at=now,
        spec={},
        parent_id=server_id,
    )
    await resources.insert_resource(tx, row)


async def refused(tx: Transaction, server_id: str) -> None:
    """The zone did not accept it: there was none."""
    for row in await _open(tx, server_id):
        await resources.remove(tx, Kind.MIGRATION, row.id)


async def confirming(tx: Transaction, server_id: str, now: datetime) -> None:
    """The zone was told to keep the new flavor."""
    await _move(tx, server_id, "confirming", now)


async def seen(tx: Transaction, server_id: str, vm_state: str, task_state: str | None, now: datetime) -> None:
    """The server is at work, or waits to be confirmed."""
    if vm_state == "resized" and task_state is None:
        if any(row.status != "confirming" for row in await _open(tx, server_id)):
            await _move(tx, server_id, "finished", now)
    elif status := _UNDER_WAY.get(task_state or ""):
        await _move(tx, server_id, status, now)


async def ended(tx: Transaction, server_id: str, grown: bool, failed: bool, now: datetime) -> None:
    """The server is at rest with the new flavor, or with the old one: taken back, if it had come as far, or failed."""
    for row in await _open(tx, server_id):
        status = "confirmed" if grown else "reverted" if row.status in _ARRIVED else "error"
        await resources.change(tx, row, status="error" if failed else status, updated_at=now)


async def forget(tx: Transaction, server_id: str) -> None:
    """The server is no more, and neither are they."""
    mine = (rows.c.region_id == tx.region_id, rows.c.kind == Kind.MIGRATION, rows.c.parent_id == server_id)
    await tx.execute(delete(rows).where(*mine))


async def _open(tx: Transaction, server_id: str) -> list[Resource]:
    found = await resources.children(tx, Kind.MIGRATION, server_id)
    return [row for row in found if row.status not in _ENDED]


async def _move(tx: Transaction, server_id: str, status: str, now: datetime) -> None:
    for row in await _open(tx, server_id):
        if row.status != status:
            await resources.change(tx, row, status=status, updated_at=now)

"""What groups and group snapshots are told by their members: the volumes and snapshots that belong to them.

Called by `volumes` and `snapshots` when a backend has said something about one of theirs. It knows rows only, and
nothing of what they need to come about: that is `groups`'.
"""

from dataclasses import replace
from datetime import UTC, datetime

from vregion.model.resource import Kind, Resource
from vregion.region import resources, usages
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query

GONE = "gone"  # the status of a member whose row goes in this transaction


async def of(tx: Transaction, group: Resource) -> list[Resource]:
    """The volumes of a group, or the snapshots of a group snapshot, the oldest first."""
    kind, field = (Kind.VOLUME, "group_id") if group.kind is Kind.GROUP else (Kind.SNAPSHOT, "group_snapshot_id")
    query = Query(kind, group.project_id, [Filter(f"spec.{field}", group.id)], sort=(("created_at", True),))
    return await resources.list_resources(tx, query)


async def follow(tx: Transaction, member: Resource) -> None:
    """A member has changed: so may what it belongs to. The last one out takes a deleted group along."""
    group = await _group_of(tx, member)
    if group is None:
        return
    left = [m for m in await of(tx, group) if m.id != member.id or member.status != GONE]
    if group.deleting:
        if not left:
            await end(tx, group)
        return
    states = {m.status for m in left}
    if group.status == "creating":
        status = next((busy for busy in ("error", "creating") if busy in states), "available")
        await resources.change(tx, group, status=status, updated_at=datetime.now(UTC))


async def gone(tx: Transaction, member: Resource) -> None:
    """A member's row is about to go."""
    await follow(tx, replace(member, status=GONE))


async def end(tx: Transaction, group: Resource) -> None:
    """Nothing is left of it."""
    if group.kind is Kind.GROUP:
        await usages.release(tx, group.project_id, {"groups": 1})
    await resources.remove(tx, group.kind, group.id)


async def _group_of(tx: Transaction, member: Resource) -> Resource | None:
    name, kind = ("group_id", Kind.GROUP) if member.kind is Kind.VOLUME else ("group_snapshot_id", Kind.GROUP_SNAPSHOT)
    group_id = member.spec.get(name)
    return await resources.find(tx, kind, group_id) if group_id else None

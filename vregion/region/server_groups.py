"""Server groups: rows of a project, realized where a member boots; the members are the servers that need the group.

Called by the server groups API, by servers that boot into one (`join`), and by the reconcilers. The policy is the
backend's to keep: members in different zones are apart anyway, and an affinity group lives where its first member is
(the scheduler sees to that).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import and_, select

from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Invalid, NotFound, OverQuota
from vregion.model.resource import Kind, Resource
from vregion.region import copies, resources, usages, user_limits
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query
from vregion.region.tables import needs
from vregion.region.tables import resources as rows


async def create(tx: Transaction, caller: Caller, wanted: Mapping[str, Any], now: datetime) -> Resource:
    """`wanted`: name, policy, rules. Raises Invalid and OverQuota in Nova's words."""
    policy, rules = wanted["policy"], wanted.get("rules") or {}
    if rules and policy != "anti-affinity":
        raise Invalid("Only anti-affinity policy supports rules.")
    try:
        await usages.reserve(tx, caller.project_id, {"server_groups": 1})
        await user_limits.require(tx, caller.project_id, caller.user_id, {"server_groups": 1})
    except OverQuota as over:
        raise OverQuota("Quota exceeded, too many server groups.") from over
    group = Resource(
        id=str(uuid4()),
        kind=Kind.SERVER_GROUP,
        project_id=caller.project_id,
        user_id=caller.user_id,
        name=wanted["name"],
        status="available",
        created_at=now,
        updated_at=now,
        spec={"policy": policy, "rules": {name: int(value) for name, value in rules.items()}},
    )
    group = replace(group, document=resources.dump(document(group, ())))
    await resources.insert_resource(tx, group)
    return group


async def get(tx: Transaction, group_id: str, project_id: str | None) -> Resource:
    """A project's group; any project's for None. Raises NotFound in Nova's words."""
    found = await resources.find(tx, Kind.SERVER_GROUP, group_id, project_id)
    if found is None or found.deleting:
        raise NotFound(f"Instance group {group_id} could not be found.")
    return found


async def join(tx: Transaction, group_id: str, caller: Caller, joining: int) -> Resource:
    """The group that so many new servers shall be in. Raises Invalid when there is none, OverQuota when it is full.

    The group's row is written first: two boots into one group come one after the other. The limit is for the members
    that one user has in a group, as in Nova.
    """
    try:
        group = await get(tx, group_id, caller.project_id)
    except NotFound as lacking:
        raise Invalid(lacking.message) from lacking
    await resources.change(tx, group, status=group.status)
    limit = (await user_limits.limits(tx, caller.project_id, caller.user_id))["server_group_members"]
    present = (await members(tx, [group_id], caller.user_id)).get(group_id, [])
    if 0 <= limit < len(present) + joining:
        raise OverQuota("Quota exceeded, too many servers in group")
    return group


async def listed(tx: Transaction, project_id: str | None) -> Sequence[Resource]:
    """A project's groups, or all, the oldest first."""
    query = Query(Kind.SERVER_GROUP, project_id, [Filter("deleting", False)], (("created_at", True),))
    return await resources.list_resources(tx, query)


async def members(tx: Transaction, group_ids: Sequence[str], user_id: str | None = None) -> dict[str, list[str]]:
    """Group id -> ids of its servers (of one user's), those being deleted left out; one query."""
    found = await tx.execute(
        select(needs.c.needed_id, rows.c.id)
        .join(
            rows,
            and_(rows.c.region_id == tx.region_id, rows.c.kind == needs.c.kind, rows.c.id == needs.c.resource_id),
        )
        .where(
            needs.c.region_id == tx.region_id,
            needs.c.needed_kind == Kind.SERVER_GROUP,
            needs.c.needed_id.in_(list(group_ids)),
            needs.c.kind == Kind.SERVER,
            rows.c.deleting.is_(False),
            *([rows.c.user_id == user_id] if user_id else []),
        )
        .order_by(rows.c.created_at, rows.c.id)
    )
    answer: dict[str, list[str]] = {}
    for row in found:
        answer.setdefault(row.needed_id, []).append(row.id)
    return answer


async def delete(tx: Transaction, group: Resource, now: datetime) -> None:
    """Its servers stay; its copies go when no server still has to boot into it."""
    await usages.release(tx, group.project_id, {"server_groups": 1})
    await resources.change(tx, group, deleting=True, updated_at=now)
    await copies.let_go(tx, Kind.SERVER_GROUP, group.id, now)


def document(group: Resource, servers: Sequence[str]) -> dict[str, Any]:
    """Nova's show from 2.64 on."""
    return {
        "id": group.id,
        "name": group.name,
        "policy": group.spec["policy"],
        "rules": group.spec["rules"],
        "members": list(servers),
        "project_id": group.project_id,
        "user_id": group.user_id,
    }


async def settled(tx: Transaction, group: Resource, observed: Observed) -> None:
    """A copy is there: what the tenant sees does not change by it."""
    await copies.let_go(tx, Kind.SERVER_GROUP, group.id, datetime.now(UTC))


async def stopped(tx: Transaction, group: Resource, reason: str) -> None:
    """A backend refused the copy: the servers that wait for it say why."""


async def vanished(tx: Transaction, group: Resource) -> None:
    """The last copy is gone; the quota was given back when the tenant deleted it."""


async def lost(tx: Transaction, group: Resource) -> None:
    """A copy was removed in its backend: it is made again when a server needs it."""

"""Quota: limits and usage of a project, reserved by the very transaction that writes an intent.

A reservation is one guarded UPDATE, so that a hundred concurrent creates at the limit never oversell. Defaults of a
virtual region are here; a project's own limit is a row.
"""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, and_, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from vregion.model.refusals import OverQuota
from vregion.region.regions import Transaction
from vregion.region.tables import usages

DEFAULT_LIMITS: dict[str, int] = {
    "instances": 100,
    "cores": 400,
    "ram": 800 * 1024,
    "server_groups": 50,
    "server_group_members": 50,
    "metadata_items": 128,
    "key_pairs": 100,
    "injected_files": 5,
    "injected_file_content_bytes": 10 * 1024,
    "injected_file_path_bytes": 255,
    "volumes": 200,
    "snapshots": 200,
    "gigabytes": 20000,
    "per_volume_gigabytes": -1,
    "backups": 100,
    "backup_gigabytes": 10000,
    "groups": 20,
    "network": 100,
    "subnet": 200,
    "port": 2000,
    "security_group": 100,
    "security_group_rule": 2000,
    "router": 50,
    "router_route": 30,
    "floatingip": 100,
    "subnetpool": 20,
    "rbac_policy": 50,
    "images": 500,
}


async def reserve(tx: Transaction, project_id: str, amounts: Mapping[str, int]) -> None:
    """Take the amounts, or raise OverQuota for the first that does not fit; the caller's rollback undoes the rest."""
    for resource, amount in amounts.items():
        if amount == 0:
            continue
        insert = sqlite_insert if tx.sqlite else postgresql_insert
        await tx.execute(
            insert(usages)
            .values(region_id=tx.region_id, project_id=project_id, resource=resource, used=0, limit=None)
            .on_conflict_do_nothing()
        )
        default = DEFAULT_LIMITS.get(resource, -1)
        fits = or_(
            usages.c.limit < 0,
            usages.c.used + amount <= usages.c.limit,
            and_(usages.c.limit.is_(None), or_(literal(default) < 0, usages.c.used + amount <= default)),
        )
        row = _row(tx, project_id, resource)
        if amount < 0:
            fits = usages.c.used >= -amount
        done = await tx.execute(update(usages).where(row, fits).values(used=usages.c.used + amount))
        if done.rowcount != 1:
            limit, used = (await limits(tx, project_id))[resource]
            raise OverQuota(f"Quota exceeded for {resource}: Requested {amount}, but already used {used} of {limit}")


async def release(tx: Transaction, project_id: str, amounts: Mapping[str, int]) -> None:
    """Give amounts back."""
    for resource, amount in amounts.items():
        await tx.execute(update(usages).where(_row(tx, project_id, resource)).values(used=usages.c.used - amount))


async def limits(tx: Transaction, project_id: str) -> dict[str, tuple[int, int]]:
    """resource -> (limit, used) of a project, defaults filled in."""
    found = {name: (limit, 0) for name, limit in DEFAULT_LIMITS.items()}
    rows = await tx.execute(
        select(usages.c.resource, usages.c.limit, usages.c.used).where(
            usages.c.region_id == tx.region_id, usages.c.project_id == project_id
        )
    )
    for row in rows:
        limit = DEFAULT_LIMITS.get(row.resource, -1) if row.limit is None else row.limit
        found[row.resource] = (limit, row.used)
    return found


async def set_limits(tx: Transaction, project_id: str, wanted: Mapping[str, int | None]) -> None:
    """Set a project's own limits; None returns to the default."""
    insert = sqlite_insert if tx.sqlite else postgresql_insert
    for resource, limit in wanted.items():
        values = {"region_id": tx.region_id, "project_id": project_id, "resource": resource, "used": 0, "limit": limit}
        await tx.execute(
            insert(usages)
            .values(values)
            .on_conflict_do_update(
                index_elements=[usages.c.region_id, usages.c.project_id, usages.c.resource], set_={"limit": limit}
            )
        )


def _row(tx: Transaction, project_id: str, resource: str) -> ColumnElement[bool]:
    return and_(usages.c.region_id == tx.region_id, usages.c.project_id == project_id, usages.c.resource == resource)

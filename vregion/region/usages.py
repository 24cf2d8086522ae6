"""Quota: limits and usage of a project, reserved by the very transaction that writes an intent.

A reservation is one guarded UPDATE, so that a hundred concurrent creates at the limit never oversell. Defaults of a
virtual region are here, and in its quota class `default`; a project's own limit is a row. What one user has of a
project's limits is in `user_limits`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, literal, or_, select, union_all, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from vregion.model.refusals import OverQuota
from vregion.region.regions import Transaction
from vregion.region.tables import limits as limit_rows
from vregion.region.tables import same, usages

CLASS = "default"  # the quota class that holds where a project has no limit of its own
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
    "trunk": -1,
    "floatingip": 100,
    "subnetpool": 20,
    "rbac_policy": 50,
    "images": 500,
    "image_size_total": -1,
    "image_stage_total": -1,
    "image_count_uploading": -1,
}

_ROW = update(usages).where(same(usages.c.region_id, usages.c.project_id, usages.c.resource))
_AMOUNT = bindparam("amount", type_=usages.c.used.type)
_OF_CLASS = select(limit_rows.c.limit).where(
    same(limit_rows.c.region_id, limit_rows.c.resource), limit_rows.c.project_id == "", limit_rows.c.owner == CLASS
)
# A project's limit as the guarded UPDATE sees it: its own, the class's, the built-in one.
_LIMIT = func.coalesce(usages.c.limit, _OF_CLASS.scalar_subquery(), bindparam("built_in", type_=usages.c.used.type))
_TAKE = _ROW.where(or_(_LIMIT < 0, usages.c.used + _AMOUNT <= _LIMIT)).values(used=usages.c.used + _AMOUNT)
_GIVE = _ROW.where(usages.c.used >= -_AMOUNT).values(used=usages.c.used + _AMOUNT)
_HOLD, _RELEASE = _ROW.values(used=usages.c.used), _ROW.values(used=usages.c.used - _AMOUNT)
_BEGIN = {
    True: sqlite_insert(usages).on_conflict_do_nothing(),
    False: postgresql_insert(usages).on_conflict_do_nothing(),
}


async def reserve(tx: Transaction, project_id: str, amounts: Mapping[str, int]) -> None:
    """Take the amounts, or raise OverQuota for the first that does not fit; the caller's rollback undoes the rest."""
    for resource, amount in amounts.items():
        if amount == 0:
            continue
        its = await _begin(tx, project_id, resource)
        its |= {"amount": amount, "built_in": DEFAULT_LIMITS.get(resource, -1)}
        done = await tx.execute(_TAKE if amount > 0 else _GIVE, its)
        if done.rowcount != 1:
            known, used = (await limits(tx, project_id))[resource]
            raise OverQuota(f"Quota exceeded for {resource}: Requested {amount}, but already used {used} of {known}")


async def hold(tx: Transaction, project_id: str, resource: str) -> None:
    """Nobody else reserves of this in the project before the transaction ends."""
    await tx.execute(_HOLD, await _begin(tx, project_id, resource))


async def release(tx: Transaction, project_id: str, amounts: Mapping[str, int]) -> None:
    """Give amounts back."""
    for resource, amount in amounts.items():
        await tx.execute(_RELEASE, {**_its(tx, project_id, resource), "amount": amount})


async def limits(tx: Transaction, project_id: str) -> dict[str, tuple[int, int]]:
    """resource -> (limit, used) of a project, defaults filled in; one query."""
    own = select(usages.c.resource, usages.c.limit, usages.c.used).where(
        usages.c.region_id == tx.region_id, usages.c.project_id == project_id
    )
    default = select(limit_rows.c.resource, limit_rows.c.limit, literal(-1)).where(_of(tx, "", CLASS))
    rows = (await tx.execute(union_all(own, default))).all()
    defaults = DEFAULT_LIMITS | {row.resource: row.limit for row in rows if row.used < 0}
    found = {name: (limit, 0) for name, limit in defaults.items()}
    for row in rows:
        if row.used >= 0:
            found[row.resource] = (defaults.get(row.resource, -1) if row.limit is None else row.limit, row.used)
    return found


def short(known: Mapping[str, tuple[int, int]], amounts: Mapping[str, int]) -> list[str]:
    """What does not fit. `known`: resource -> (limit, used)."""
    return [n for n, amount in amounts.items() if amount > 0 and n in known and 0 <= known[n][0] < known[n][1] + amount]


def too_many(known: Mapping[str, tuple[int, int]], wanted: Mapping[str, int]) -> OverQuota:
    """Nova's words for servers that do not fit (nova 34.0.0 exception.py TooManyInstances)."""
    names = short(known, wanted)
    asked, used, limit = (
        ", ".join(str(value) for value in values)
        for values in ([wanted[n] for n in names], [known[n][1] for n in names], [known[n][0] for n in names])
    )
    joined = ", ".join(names)
    return OverQuota(f"Quota exceeded for {joined}: Requested {asked}, but already used {used} of {limit} {joined}")


async def limited(tx: Transaction, names: Iterable[str]) -> list[str]:
    """The projects that have a limit of their own for any of these."""
    rows = await tx.execute(
        select(usages.c.project_id)
        .where(usages.c.region_id == tx.region_id, usages.c.resource.in_(list(names)), usages.c.limit.is_not(None))
        .distinct()
        .order_by(usages.c.project_id)
    )
    return [row.project_id for row in rows]


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


async def limits_of(tx: Transaction, project_id: str, owner: str) -> dict[str, int]:
    """What one user has as limits of his own in a project; with '' for the project, those of a quota class."""
    rows = await tx.execute(select(limit_rows.c.resource, limit_rows.c.limit).where(_of(tx, project_id, owner)))
    return {row.resource: row.limit for row in rows}


async def given_to_users(tx: Transaction, project_id: str) -> dict[str, int]:
    """The sum of the limits that users have in a project: what its own limit must not fall below."""
    rows = await tx.execute(
        select(limit_rows.c.resource, func.sum(limit_rows.c.limit).label("given"))
        .where(limit_rows.c.region_id == tx.region_id, limit_rows.c.project_id == project_id)
        .group_by(limit_rows.c.resource)
    )
    return {row.resource: int(row.given) for row in rows}


async def set_limits_of(tx: Transaction, project_id: str, owner: str, wanted: Mapping[str, int]) -> None:
    """Set limits of a user or of a quota class."""
    insert = sqlite_insert if tx.sqlite else postgresql_insert
    key = {"region_id": tx.region_id, "project_id": project_id, "owner": owner}
    for resource, limit in wanted.items():
        statement = insert(limit_rows).values(**key, resource=resource, limit=limit)
        columns = [column.name for column in limit_rows.primary_key]
        await tx.execute(statement.on_conflict_do_update(index_elements=columns, set_={"limit": limit}))


async def forget_limits_of(tx: Transaction, project_id: str, owner: str | None) -> None:
    """The user (None: every user) has the project's limits again."""
    whose = _of(tx, project_id, owner) if owner else limit_rows.c.project_id == project_id
    await tx.execute(delete(limit_rows).where(limit_rows.c.region_id == tx.region_id, whose))


async def _begin(tx: Transaction, project_id: str, resource: str) -> dict[str, Any]:
    """There is a row to count in; the parameters that name it."""
    row = {"region_id": tx.region_id, "project_id": project_id, "resource": resource, "used": 0, "limit": None}
    await tx.execute(_BEGIN[tx.sqlite], row)
    return _its(tx, project_id, resource)


def _its(tx: Transaction, project_id: str, resource: str) -> dict[str, Any]:
    return {"its_region_id": tx.region_id, "its_project_id": project_id, "its_resource": resource}


def _of(tx: Transaction, project_id: str, owner: str) -> ColumnElement[bool]:
    rows = limit_rows.c
    return and_(rows.region_id == tx.region_id, rows.project_id == project_id, rows.owner == owner)

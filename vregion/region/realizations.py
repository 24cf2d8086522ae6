"""Realizations: which resource is wanted on which backend, what became of it, and who works on it now.

The API writes what is wanted; the reconcilers claim what is due, under a lease whose fence grows each time. A write
under a fence that is no longer the newest is refused, so that a worker that slept through its lease changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    case,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from vregion.model.resource import Kind, Realization, Resource, State
from vregion.region.regions import Transaction
from vregion.region.resources import find_many
from vregion.region.tables import needs, realizations, resources

Key = tuple[Kind, str]
_COLUMNS = [c for c in realizations.c if c.name not in ("region_id", "due_at", "lease_owner", "lease_until")]


class LeaseLost(Exception):
    """Another worker holds this realization now: whatever was about to be written is stale."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A due realization under our lease, with its resource (None when the row is gone)."""

    realization: Realization
    resource: Resource | None


async def need(tx: Transaction, resource: Resource, needed: Iterable[Key]) -> None:
    """Write down what must be on a backend before the resource can be there."""
    rows = [
        {"region_id": tx.region_id, "resource_id": resource.id, "kind": resource.kind, "needed_id": i, "needed_kind": k}
        for k, i in dict.fromkeys(needed)
    ]
    if rows:
        await tx.execute(insert(needs), rows)


async def want(tx: Transaction, kind: Kind, resource_id: str, backend_id: str, now: datetime) -> None:
    """The resource, and all that it needs, shall be on that backend. What is there already is left alone."""
    found = await tx.execute(_closure(tx, kind, resource_id))
    rows = [_fresh(tx, kind, resource_id, backend_id, now)]
    rows += [_fresh(tx, Kind(row.needed_kind), row.needed_id, backend_id, now) for row in found]
    dialect_insert = sqlite_insert if tx.sqlite else postgresql_insert
    await tx.execute(dialect_insert(realizations).on_conflict_do_nothing(), rows)
    tx.ring = True


async def register(tx: Transaction, kind: Kind, resource_id: str, backend_id: str, external_id: str) -> None:
    """It is there under that id, and it is not ours: never due, never made, changed or taken away by us."""
    row = {**_fresh(tx, kind, resource_id, backend_id, None), "state": State.READY, "external_id": external_id}
    dialect_insert = sqlite_insert if tx.sqlite else postgresql_insert
    known = dialect_insert(realizations).values(row)
    columns = [realizations.c[n] for n in ("region_id", "resource_id", "kind", "backend_id")]
    await tx.execute(
        known.on_conflict_do_update(
            index_elements=columns, set_={"state": State.READY, "external_id": external_id, "due_at": None}
        )
    )


async def unregister(tx: Transaction, kind: Kind, resource_id: str, backend_id: str) -> None:
    """What is not ours is no longer of interest; in its backend it stays as it is."""
    where = [*_of(tx, kind, resource_id), realizations.c.backend_id == backend_id]
    await tx.execute(delete(realizations).where(*where))


async def revive(tx: Transaction, keys: Iterable[Key], backend_id: str, now: datetime) -> None:
    """What was on its way out there is wanted again; a pass that is just ending it makes way for it (`drop`)."""
    for kind, resource_id in keys:
        where = [*_of(tx, kind, resource_id), realizations.c.backend_id == backend_id, realizations.c.wanted.is_(False)]
        state = case((realizations.c.state == State.DELETING, State.PROGRESSING.value), else_=realizations.c.state)
        values = {"wanted": True, "due_at": now, "attempts": 0, "generation": 0, "state": state}
        await tx.execute(update(realizations).where(*where).values(**values))
    tx.ring = True


async def changed(tx: Transaction, kind: Kind, resource_id: str, now: datetime) -> None:
    """The resource's spec has a new generation: every backend that has it is due."""
    await tx.execute(update(realizations).where(*_of(tx, kind, resource_id)).values(due_at=now, attempts=0))
    tx.ring = True


async def look(tx: Transaction, key: Key, now: datetime) -> None:
    """Something around it changed: wherever it is, it is due."""
    await tx.execute(update(realizations).where(*_of(tx, *key)).values(due_at=now))
    tx.ring = True


async def backends_of(tx: Transaction, kind: Kind, ids: Iterable[str]) -> set[str]:
    """Where any of these resources is wanted."""
    rows = await tx.execute(
        select(realizations.c.backend_id).where(
            realizations.c.region_id == tx.region_id,
            realizations.c.kind == kind,
            realizations.c.resource_id.in_(list(ids)),
            realizations.c.wanted.is_(True),
        )
    )
    return set(rows.scalars())


async def unwant(tx: Transaction, kind: Kind, resource_id: str, now: datetime, backend_id: str | None = None) -> bool:
    """It shall be gone, from one backend or from all; False when it is on none, so that the row may go at once."""
    where = _of(tx, kind, resource_id)
    if backend_id is not None:
        where.append(realizations.c.backend_id == backend_id)
    done = await tx.execute(
        update(realizations).where(*where).values(wanted=False, due_at=now, attempts=0, waiting_on=None)
    )
    tx.ring = True
    return done.rowcount > 0


async def of_resource(tx: Transaction, kind: Kind, resource_id: str) -> list[Realization]:
    """Where a resource is, or shall be."""
    return [_realization(r) for r in await tx.execute(select(*_COLUMNS).where(*_of(tx, kind, resource_id)))]


async def on_backend(tx: Transaction, kind: Kind, resource_id: str, backend_id: str) -> Realization | None:
    """One realization, or None."""
    where = [*_of(tx, kind, resource_id), realizations.c.backend_id == backend_id]
    row = (await tx.execute(select(*_COLUMNS).where(*where))).first()
    return _realization(row) if row else None


async def ready_on(tx: Transaction, kind: Kind, candidates: Sequence[Resource], backend_id: str) -> list[Resource]:
    """Those of the candidates that are ready on a backend and shall stay."""
    rows = await tx.execute(
        select(realizations.c.resource_id).where(
            realizations.c.region_id == tx.region_id,
            realizations.c.kind == kind,
            realizations.c.backend_id == backend_id,
            realizations.c.resource_id.in_([one.id for one in candidates]),
            realizations.c.state == State.READY,
            realizations.c.wanted.is_(True),
        )
    )
    ready = set(rows.scalars())
    return [one for one in candidates if one.id in ready]


async def needed(tx: Transaction, resource: Resource, backend_id: str) -> dict[Key, Realization | None]:
    """What the resource needs directly on that backend; None where there is no realization row at all."""
    join = needs.outerjoin(
        realizations,
        and_(
            realizations.c.region_id == needs.c.region_id,
            realizations.c.resource_id == needs.c.needed_id,
            realizations.c.kind == needs.c.needed_kind,
            realizations.c.backend_id == backend_id,
        ),
    )
    rows = await tx.execute(
        select(needs.c.needed_id, needs.c.needed_kind, *_COLUMNS)
        .select_from(join)
        .where(needs.c.region_id == tx.region_id, needs.c.resource_id == resource.id, needs.c.kind == resource.kind)
    )
    return {(Kind(row.needed_kind), row.needed_id): _realization(row) if row.resource_id else None for row in rows}


async def external_ids(tx: Transaction, backend_id: str, keys: Iterable[Key]) -> dict[Key, str]:
    """External ids of those that have one there, in one query."""
    wanted = [(str(kind), i) for kind, i in keys]
    if not wanted:
        return {}
    rows = await tx.execute(
        select(realizations.c.kind, realizations.c.resource_id, realizations.c.external_id).where(
            realizations.c.region_id == tx.region_id,
            realizations.c.backend_id == backend_id,
            realizations.c.external_id.is_not(None),
            tuple_(realizations.c.kind, realizations.c.resource_id).in_(wanted),
        )
    )
    return {(Kind(row.kind), row.resource_id): row.external_id for row in rows}


async def leaving(tx: Transaction, backend_id: str, keys: Iterable[Key]) -> bool:
    """Whether a backend still has to let go of one of them: until then it cannot be wanted there again."""
    named = [(str(kind), i) for kind, i in keys]
    if not named:
        return False
    found = await tx.execute(
        select(realizations.c.resource_id)
        .where(
            realizations.c.region_id == tx.region_id,
            realizations.c.backend_id == backend_id,
            realizations.c.wanted.is_(False),
            tuple_(realizations.c.kind, realizations.c.resource_id).in_(named),
        )
        .limit(1)
    )
    return found.first() is not None


async def by_external_ids(
    tx: Transaction, backend_id: str, kind: Kind, external: Sequence[str]
) -> dict[str, Realization]:
    """Realizations by the backend's ids, in one query; foreign ids are simply not in the answer."""
    if not external:
        return {}
    rows = await tx.execute(
        select(*_COLUMNS).where(
            realizations.c.region_id == tx.region_id,
            realizations.c.backend_id == backend_id,
            realizations.c.kind == kind,
            realizations.c.external_id.in_(external),
        )
    )
    return {row.external_id: _realization(row) for row in rows}


async def resources_on(tx: Transaction, backend_id: str) -> list[tuple[Kind, str]]:
    """Everything that is, or shall be, on a backend: why a zone cannot be unbound."""
    rows = await tx.execute(
        select(realizations.c.kind, realizations.c.resource_id).where(
            realizations.c.region_id == tx.region_id, realizations.c.backend_id == backend_id
        )
    )
    return [(Kind(row.kind), row.resource_id) for row in rows]


async def due_backends(tx: Transaction, now: datetime, busy: Iterable[str] = ()) -> list[str]:
    """The backends on which something is due and free, `busy` ones left out."""
    rows = await tx.execute(
        select(realizations.c.backend_id).where(*_due(tx, now), realizations.c.backend_id.not_in(list(busy))).distinct()
    )
    return list(rows.scalars())


async def claim(
    tx: Transaction, owner: str, backend_id: str, now: datetime, lease: timedelta, limit: int
) -> list[Claim]:
    """Take up to `limit` due realizations of a backend, each under a new fence until `now + lease`."""
    rows = await tx.execute(
        select(*_COLUMNS)
        .where(*_due(tx, now), realizations.c.backend_id == backend_id)
        .order_by(realizations.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = [replace(r, fence=r.fence + 1) for r in map(_realization, rows)]
    for kind in {r.kind for r in taken}:
        keys = [(r.resource_id, r.backend_id) for r in taken if r.kind == kind]
        await tx.execute(
            update(realizations)
            .where(
                realizations.c.region_id == tx.region_id,
                realizations.c.kind == kind,
                tuple_(realizations.c.resource_id, realizations.c.backend_id).in_(keys),
            )
            .values(lease_owner=owner, lease_until=now + lease, due_at=now + lease, fence=realizations.c.fence + 1)
        )
    found = {k: await find_many(tx, k, [r.resource_id for r in taken if r.kind == k]) for k in {r.kind for r in taken}}
    return [Claim(r, found[r.kind].get(r.resource_id)) for r in taken]


async def inherit(tx: Transaction, now: datetime) -> None:
    """The process that held the region's leases is gone, and this one took its place: what its loop held is due.

    Leases of requests stay (`seize`): one of this very process may be the reason why its loop looks here at all.
    """
    loops = realizations.c.lease_owner.contains(":")
    await tx.execute(
        update(realizations)
        .where(realizations.c.region_id == tx.region_id, realizations.c.lease_until.is_not(None), loops)
        .values(lease_owner=None, lease_until=None, due_at=now, fence=realizations.c.fence + 1)
    )


async def seize(
    tx: Transaction, key: Key, backend_id: str, owner: str, now: datetime, until: datetime
) -> Realization | None:
    """Work on a realization outside of the loop (an upload), under a new fence; None while another works on it."""
    free = or_(realizations.c.lease_until.is_(None), realizations.c.lease_until <= now)
    done = await tx.execute(
        update(realizations)
        .where(*_of(tx, *key), realizations.c.backend_id == backend_id, free)
        .values(wanted=True, lease_owner=owner, lease_until=until, due_at=until, fence=realizations.c.fence + 1)
    )
    return await on_backend(tx, *key, backend_id) if done.rowcount == 1 else None


async def renew(tx: Transaction, realization: Realization, until: datetime) -> None:
    """Keep the lease longer. A look that somebody asked for meanwhile stays asked for."""
    untouched = realizations.c.due_at == realizations.c.lease_until
    due = case((untouched, literal(until, realizations.c.due_at.type)), else_=realizations.c.due_at)
    await save(tx, realization, due_at=due, lease_until=until)


async def save(tx: Transaction, realization: Realization, **columns: Any) -> Realization:
    """Write columns under our fence. Raises LeaseLost when it is not the newest any more."""
    done = await tx.execute(
        update(realizations)
        .where(*_exactly(tx, realization), realizations.c.fence == realization.fence)
        .values(columns)
    )
    if done.rowcount != 1:
        raise LeaseLost(realization.resource_id)
    known = {k: v for k, v in columns.items() if k in Realization.__slots__}
    return replace(realization, **known)


async def finish(tx: Transaction, realization: Realization, due_at: datetime | None, **columns: Any) -> Realization:
    """Give the lease back; due again at `due_at`, or sooner if somebody asked for a look meanwhile.

    A claim sets `due_at` to the end of its lease: any other value was written by somebody else since.
    """
    untouched = realizations.c.due_at == realizations.c.lease_until
    due = case((untouched, literal(due_at, realizations.c.due_at.type)), else_=realizations.c.due_at)
    return await save(tx, realization, **columns, due_at=due, lease_until=None)


async def park(tx: Transaction, realization: Realization, on: Key, now: datetime, backstop: timedelta) -> None:
    """Wait for another realization on the same backend; due at once when it has arrived meanwhile.

    The other row is locked until the wait is written: else it could arrive in between, and wake nobody.
    """
    where = [*_of(tx, *on), realizations.c.backend_id == realization.backend_id]
    row = (await tx.execute(select(realizations.c.state).where(*where).with_for_update(read=True))).first()
    moving = row is not None and row.state in (State.PENDING, State.CREATING, State.PROGRESSING)
    await finish(tx, realization, now + backstop if moving else now, waiting_on=on[1] if moving else None)
    tx.ring = not moving


async def drop(tx: Transaction, realization: Realization) -> bool:
    """The backend confirmed that it is gone: remove the row. True when it was the resource's last.

    Wanted again meanwhile (`revive`), it stays as one that was never made.
    """
    mine = [*_exactly(tx, realization), realizations.c.fence == realization.fence]
    still = [] if realization.wanted else [realizations.c.wanted.is_(False)]
    done = await tx.execute(delete(realizations).where(*mine, *still))
    if done.rowcount != 1:
        again = {"state": State.PENDING, "external_id": None, "lease_until": None, "asked_at": None}
        if (await tx.execute(update(realizations).where(*mine).values(again))).rowcount != 1:
            raise LeaseLost(realization.resource_id)
        return False
    # Two backends may let go at the same time: whoever is second must see what the first one did.
    row = (resources.c.region_id == tx.region_id, resources.c.id == realization.resource_id)
    await tx.execute(select(resources.c.id).where(*row, resources.c.kind == realization.kind).with_for_update())
    left = select(func.count()).select_from(realizations).where(*_of(tx, realization.kind, realization.resource_id))
    return int((await tx.execute(left)).scalar_one()) == 0


async def forget_needs(tx: Transaction, kind: Kind, resource_id: str) -> None:
    """The resource is removed: so is what it needed."""
    await tx.execute(
        delete(needs).where(needs.c.region_id == tx.region_id, needs.c.resource_id == resource_id, needs.c.kind == kind)
    )


async def wake(tx: Transaction, realization: Realization, now: datetime) -> None:
    """Those that wait for this one on its backend are due."""
    done = await tx.execute(
        update(realizations)
        .where(
            realizations.c.region_id == tx.region_id,
            realizations.c.backend_id == realization.backend_id,
            realizations.c.waiting_on == realization.resource_id,
        )
        .values(due_at=now, waiting_on=None)
    )
    tx.ring = tx.ring or done.rowcount > 0


async def look_again(tx: Transaction, realization: Realization, now: datetime) -> None:
    """Something happened to it (a live call, a change feed): it is due."""
    await tx.execute(update(realizations).where(*_exactly(tx, realization)).values(due_at=now))
    tx.ring = True


async def in_progress(tx: Transaction, backend_id: str, kind: Kind) -> bool:
    """Whether something of that kind is on its way on a backend, or on its way out."""
    row = await tx.execute(
        select(realizations.c.resource_id)
        .where(
            realizations.c.region_id == tx.region_id,
            realizations.c.backend_id == backend_id,
            realizations.c.kind == kind,
            realizations.c.state.in_([State.PROGRESSING, State.DELETING]),
        )
        .limit(1)
    )
    return row.first() is not None


async def next_due(tx: Transaction, busy: Iterable[str] = ()) -> datetime | None:
    """When the next realization wants a look, leases counted; None when nothing does."""
    sooner = func.max(realizations.c.due_at, func.coalesce(realizations.c.lease_until, realizations.c.due_at))
    later = func.greatest(realizations.c.due_at, func.coalesce(realizations.c.lease_until, realizations.c.due_at))
    statement = select(func.min(sooner if tx.sqlite else later, type_=realizations.c.due_at.type)).where(
        realizations.c.region_id == tx.region_id,
        realizations.c.due_at.is_not(None),
        realizations.c.backend_id.not_in(list(busy)),
    )
    due: datetime | None = (await tx.execute(statement)).scalar_one()
    return due


def _closure(tx: Transaction, kind: Kind, resource_id: str) -> Select[Any]:
    """All that a resource needs, directly or not."""
    first = select(needs.c.needed_id, needs.c.needed_kind).where(
        needs.c.region_id == tx.region_id, needs.c.resource_id == resource_id, needs.c.kind == literal(kind.value)
    )
    found = first.cte("closure", recursive=True)
    again = select(needs.c.needed_id, needs.c.needed_kind).join(
        found,
        and_(
            needs.c.region_id == tx.region_id,
            needs.c.resource_id == found.c.needed_id,
            needs.c.kind == found.c.needed_kind,
        ),
    )
    both = found.union(again)
    return select(both.c.needed_id, both.c.needed_kind)


def _fresh(tx: Transaction, kind: Kind, resource_id: str, backend_id: str, now: datetime | None) -> Mapping[str, Any]:
    return {
        "region_id": tx.region_id,
        "resource_id": resource_id,
        "kind": kind,
        "backend_id": backend_id,
        "state": State.PENDING,
        "wanted": True,
        "generation": 0,
        "attempts": 0,
        "observed": {},
        "due_at": now,
        "fence": 0,
    }


def _due(tx: Transaction, now: datetime) -> list[ColumnElement[bool]]:
    return [
        realizations.c.region_id == tx.region_id,
        realizations.c.due_at <= now,
        or_(realizations.c.lease_until.is_(None), realizations.c.lease_until <= now),
    ]


def _of(tx: Transaction, kind: Kind, resource_id: str) -> list[ColumnElement[bool]]:
    return [
        realizations.c.region_id == tx.region_id,
        realizations.c.resource_id == resource_id,
        realizations.c.kind == kind,
    ]


def _exactly(tx: Transaction, r: Realization) -> list[ColumnElement[bool]]:
    return [*_of(tx, r.kind, r.resource_id), realizations.c.backend_id == r.backend_id]


def _realization(row: Row[Any]) -> Realization:
    values = {c.name: getattr(row, c.name) for c in _COLUMNS}
    return Realization(**{**values, "kind": Kind(row.kind), "state": State(row.state)})

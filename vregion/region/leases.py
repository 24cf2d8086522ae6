"""Who works on a realization now: claims of what is due, under a lease whose fence grows each time.

Used by the reconcilers' loop and by the few requests that work on a realization themselves (an upload). A write under a
fence that is no longer the newest is refused, so that a worker that slept through its lease changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Update, and_, bindparam, case, delete, func, not_, or_, select, tuple_, update

from vregion.model.resource import Kind, Realization, Resource, State
from vregion.region.realizations import (
    COLUMNS,
    EXACTLY,
    ON_ITS_WAY,
    Key,
    exactly,
    from_row,
    its_place,
    needed_on,
    of_key,
    on_backend,
    parts_on,
    unwant,
)
from vregion.region.regions import Transaction
from vregion.region.resources import find_many
from vregion.region.tables import realizations, same

_DUE = (
    same(realizations.c.region_id),
    realizations.c.due_at <= bindparam("now"),
    or_(realizations.c.lease_until.is_(None), realizations.c.lease_until <= bindparam("now")),
)
_IDLE = realizations.c.backend_id.not_in(bindparam("busy", expanding=True))
_DUE_BACKENDS = select(realizations.c.backend_id).where(*_DUE, _IDLE).distinct()
_CLAIM = (
    select(*COLUMNS, realizations.c.due_at)
    .where(*_DUE, same(realizations.c.backend_id))
    .order_by(realizations.c.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_WITH_LEASE = (realizations.c.due_at, func.coalesce(realizations.c.lease_until, realizations.c.due_at))
_NEXT_DUE = {  # on SQLite?
    sqlite: select(func.min(later(*_WITH_LEASE), type_=realizations.c.due_at.type)).where(
        same(realizations.c.region_id), realizations.c.due_at.is_not(None), _IDLE
    )
    for sqlite, later in ((True, func.max), (False, func.greatest))
}
_FENCED = and_(EXACTLY, same(realizations.c.fence))
_SAVE = update(realizations).where(_FENCED)
# A claim sets `due_at` to the end of its lease: any other value was written by somebody else since, and stays.
_SAVE_UNTOUCHED = _SAVE.values(
    due_at=case(
        (realizations.c.due_at == realizations.c.lease_until, bindparam("due", type_=realizations.c.due_at.type)),
        else_=realizations.c.due_at,
    )
)


class LeaseLost(Exception):
    """Another worker holds this realization now: whatever was about to be written is stale."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A due realization under our lease, with its resource (None when the row is gone). `due_at`: since when."""

    realization: Realization
    resource: Resource | None
    due_at: datetime


async def due_backends(tx: Transaction, now: datetime, busy: Iterable[str] = ()) -> list[str]:
    """The backends on which something is due and free, `busy` ones left out."""
    its = {"its_region_id": tx.region_id, "now": now, "busy": list(busy)}
    rows = await tx.execute(_DUE_BACKENDS, its)
    return list(rows.scalars())


async def claim(
    tx: Transaction, owner: str, backend_id: str, now: datetime, lease: timedelta, limit: int
) -> list[Claim]:
    """Take up to `limit` due realizations of a backend, each under a new fence until `now + lease`."""
    its = {"its_region_id": tx.region_id, "its_backend_id": backend_id, "now": now, "most": limit}
    rows = await tx.execute(_CLAIM, its)
    found_due = [(from_row(row), row.due_at) for row in rows]
    taken = [replace(r, fence=r.fence + 1) for r, _ in found_due]
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
    since = [due_at for _, due_at in found_due]
    return [Claim(r, found[r.kind].get(r.resource_id), due) for r, due in zip(taken, since, strict=True)]


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
        .where(*of_key(tx, *key), realizations.c.backend_id == backend_id, free)
        .values(wanted=True, lease_owner=owner, lease_until=until, due_at=until, fence=realizations.c.fence + 1)
    )
    return await on_backend(tx, *key, backend_id) if done.rowcount == 1 else None


async def renew(tx: Transaction, realization: Realization, until: datetime) -> None:
    """Keep the lease longer. A look that somebody asked for meanwhile stays asked for."""
    await _write(tx, _SAVE_UNTOUCHED, realization, {"lease_until": until}, due=until)


async def save(tx: Transaction, realization: Realization, **columns: Any) -> Realization:
    """Write columns under our fence. Raises LeaseLost when it is not the newest any more."""
    return await _write(tx, _SAVE, realization, columns)


async def _write(
    tx: Transaction, statement: Update, realization: Realization, columns: dict[str, Any], **others: Any
) -> Realization:
    its = {**its_place(tx, realization), "its_fence": realization.fence, **others}
    done = await tx.execute(statement, {**columns, **its})
    if done.rowcount != 1:
        raise LeaseLost(realization.resource_id)
    known = {k: v for k, v in columns.items() if k in Realization.__slots__}
    return replace(realization, **known)


async def finish(tx: Transaction, realization: Realization, due_at: datetime | None, **columns: Any) -> Realization:
    """Give the lease back; due again at `due_at`, or sooner if somebody asked for a look meanwhile."""
    return await _write(tx, _SAVE_UNTOUCHED, realization, {**columns, "lease_until": None}, due=due_at)


async def park(tx: Transaction, realization: Realization, on: Key, now: datetime, backstop: timedelta) -> None:
    """Wait for another realization on the same backend; due at once when it has arrived, or left, meanwhile.

    The other row is locked until the wait is written: else it could arrive in between, and wake nobody.
    """
    where = [*of_key(tx, *on), realizations.c.backend_id == realization.backend_id]
    columns = (realizations.c.state, realizations.c.wanted)
    row = (await tx.execute(select(*columns).where(*where).with_for_update(read=True))).first()
    coming = row is not None and (row.state in ON_ITS_WAY or (row.wanted and row.state == State.DELETING))
    moving = coming or (row is not None and not realization.wanted)
    await finish(tx, realization, now + backstop if moving else now, waiting_on=on[1] if moving else None)
    tx.ring = not moving


async def wanted_again(tx: Transaction, realization: Realization) -> bool:
    """The backend confirmed that it is gone: whether it is wanted there after all, as if it had never been made.

    The row is locked by the answer, so that who wants it now waits for the end of this transaction.
    """
    mine = [*exactly(tx, realization), realizations.c.fence == realization.fence]
    row = (await tx.execute(select(realizations.c.wanted).where(*mine).with_for_update())).first()
    if row is None or not row.wanted:
        return False
    again: dict[str, Any] = {"external_id": None, "asked_at": None, "lease_until": None, "generation": 0}
    await tx.execute(update(realizations).where(*mine).values(state=State.PENDING, **again))
    tx.ring = True
    return True


async def drop(tx: Transaction, realization: Realization) -> bool:
    """The backend confirmed that it is gone: remove the row. True when it was the resource's last.

    The caller has locked the resource: of two backends that let go at the same time the second sees what the first did.
    Wanted again meanwhile (`revive`), it stays as one that was never made.
    """
    mine = [*exactly(tx, realization), realizations.c.fence == realization.fence]
    still = [] if realization.wanted else [realizations.c.wanted.is_(False)]
    done = await tx.execute(delete(realizations).where(*mine, *still))
    if done.rowcount != 1:
        again = {"state": State.PENDING, "external_id": None, "lease_until": None, "asked_at": None}
        if (await tx.execute(update(realizations).where(*mine).values(again))).rowcount != 1:
            raise LeaseLost(realization.resource_id)
        return False
    left = select(func.count()).select_from(realizations).where(*of_key(tx, realization.kind, realization.resource_id))
    return int((await tx.execute(left)).scalar_one()) == 0


async def last_to_go(tx: Transaction, realization: Realization) -> bool:
    """The backend confirmed that it is gone, and the row stays for a moment: whether every other backend has, too.

    The caller has locked the resource: of two that let go at once the second sees what the first has written here.
    """
    await save(tx, realization, external_id=None, asked_at=None, state=State.DELETING)
    gone = and_(realizations.c.state == State.DELETING, realizations.c.external_id.is_(None))
    others = [*of_key(tx, realization.kind, realization.resource_id), not_(gone)]
    left = await tx.execute(select(func.count()).select_from(realizations).where(*others))
    return int(left.scalar_one()) == 0


async def pass_on(tx: Transaction, kind: Kind, resource_id: str, to: str, now: datetime) -> bool:
    """Wherever a resource is, what is there is another one's from now on, which is nowhere yet, and is due.

    False, with nothing changed, unless it is whole in all of these places and nobody is at work on it.
    """
    columns = (realizations.c.state, realizations.c.lease_until)
    places = (await tx.execute(select(*columns).where(*of_key(tx, kind, resource_id)).with_for_update())).all()
    if not places or any(row.state != State.READY or row.lease_until for row in places):
        return False
    values = {"resource_id": to, "due_at": now, "generation": 0}
    await tx.execute(update(realizations).where(*of_key(tx, kind, resource_id)).values(**values))
    tx.ring = True
    return True


async def retire(tx: Transaction, on: Key, backend_id: str, but: Realization | None, now: datetime) -> bool:
    """Nothing but its own parts needs it on that backend any more, `but` aside: it and they shall be gone from there.

    Parts are of the kinds that cannot be without it (a network's subnets). False while something needs it. The caller
    holds the lock under which others come to need it.
    """
    if await needed_on(tx, on, backend_id, [(but.kind, but.resource_id)] if but else []):
        return False
    for one in (*await parts_on(tx, on, backend_id), on):
        await unwant(tx, *one, now, backend_id)
    return True


async def next_due(tx: Transaction, busy: Iterable[str] = ()) -> datetime | None:
    """When the next realization wants a look, leases counted; None when nothing does."""
    its = {"its_region_id": tx.region_id, "busy": list(busy)}
    due: datetime | None = (await tx.execute(_NEXT_DUE[tx.sqlite], its)).scalar_one()
    return due

"""Realizations: which resource is wanted on which backend, what it needs there, and what became of it.

The API writes what is wanted; who works on it, and how, is `leases`. What needs what is written down here too, and
whoever waits for something is woken by its arrival.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    String,
    Table,
    and_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from vregion.model.resource import Kind, Realization, Resource, State
from vregion.region.regions import Transaction
from vregion.region.tables import needs, realizations, resources, same

Key = tuple[Kind, str]
NOWHERE = ""  # in place of a backend's id: no backend has it, and what the directory keeps for it is still to be freed
ON_ITS_WAY = (State.PENDING, State.CREATING, State.PROGRESSING)
USED_AT = "used_at"  # in `observed` of a copy of an image: when something there last asked for it
USED_SELDOM = timedelta(seconds=60)  # how exactly that is known
COLUMNS = [c for c in realizations.c if c.name not in ("region_id", "due_at", "lease_owner", "lease_until")]
# Statements that are built once, and their parameters: `its_key` for a resource, `its_place` for one realization.
OF_KEY = same(realizations.c.region_id, realizations.c.resource_id, realizations.c.kind)
EXACTLY = and_(OF_KEY, same(realizations.c.backend_id))
_OF_RESOURCE, _ON_BACKEND = select(*COLUMNS).where(OF_KEY), select(*COLUMNS).where(EXACTLY)
_CHANGE, _CHANGE_ONE = update(realizations).where(OF_KEY), update(realizations).where(EXACTLY)
_CHANGE_ELSEWHERE = _CHANGE.where(realizations.c.backend_id != bindparam("but"))
_WAITING = update(realizations).where(
    same(realizations.c.region_id, realizations.c.backend_id), realizations.c.waiting_on == bindparam("its_resource_id")
)
_NEED = insert(needs)
_OWN_NEEDS = same(needs.c.region_id, needs.c.resource_id, needs.c.kind)
_FORGET_NEEDS = delete(needs).where(_OWN_NEEDS)
_STATE = cast(realizations.c.state, String(16))
_NEEDED = (
    select(needs.c.needed_id, needs.c.needed_kind, *COLUMNS)
    .select_from(
        needs.outerjoin(
            realizations,
            and_(
                realizations.c.region_id == needs.c.region_id,
                realizations.c.resource_id == needs.c.needed_id,
                realizations.c.kind == needs.c.needed_kind,
                same(realizations.c.backend_id),
            ),
        )
    )
    .where(_OWN_NEEDS)
)


def _closure() -> Select[Any]:
    """All that a resource needs, directly or not."""
    first = select(needs.c.needed_id, needs.c.needed_kind).where(_OWN_NEEDS)
    found = first.cte("closure", recursive=True)
    again = select(needs.c.needed_id, needs.c.needed_kind).join(
        found,
        and_(
            same(needs.c.region_id),
            needs.c.resource_id == found.c.needed_id,
            needs.c.kind == found.c.needed_kind,
        ),
    )
    both = found.union(again)
    return select(both.c.needed_id, both.c.needed_kind)


def _want(dialect_insert: Callable[[Table], Any]) -> Any:
    """Rows of `_fresh`; one that is there and not wanted is wanted again."""
    made = dialect_insert(realizations)
    leaving = case((realizations.c.external_id.is_not(None), State.DELETING.value), else_=_STATE)
    again = {"wanted": True, "due_at": made.excluded.due_at, "attempts": 0, "waiting_on": None, "state": leaving}
    keys = ["region_id", "resource_id", "kind", "backend_id"]
    return made.on_conflict_do_update(index_elements=keys, set_=again, where=realizations.c.wanted.is_(False))


_CLOSURE = _closure()
_WANT = {True: _want(sqlite_insert), False: _want(postgresql_insert)}  # on SQLite?


async def need(tx: Transaction, resource: Resource, needed: Iterable[Key]) -> None:
    """Write down what must be on a backend before the resource can be there."""
    rows = [
        {"region_id": tx.region_id, "resource_id": resource.id, "kind": resource.kind, "needed_id": i, "needed_kind": k}
        for k, i in dict.fromkeys(needed)
    ]
    if rows:
        await tx.execute(_NEED, rows)


async def want(tx: Transaction, kind: Kind, resource_id: str, backend_id: str, now: datetime) -> None:
    """The resource, and all that it needs, shall be on that backend. What is there already is left alone.

    What was on its way out is wanted again. Its pass may be deleting it at this moment: in state DELETING nobody takes
    it for there, and the next pass, which that one's lease holds off, finds out. Copies of images note their use.
    """
    found = await tx.execute(_CLOSURE, its_key(tx, kind, resource_id))
    keys = {(str(kind), resource_id)} | {(row.needed_kind, row.needed_id) for row in found}
    if copies := [i for k, i in sorted(keys) if k == Kind.IMAGE]:
        await _use(tx, copies, backend_id, now)
    rows = [_fresh(tx, Kind(k), i, backend_id, now) for k, i in sorted(keys)]  # writers lock them in one order
    await tx.execute(_WANT[tx.sqlite], rows)
    tx.ring = True


async def expect(tx: Transaction, kind: Kind, resource_id: str, backend_id: str) -> None:
    """It shall be there, but not yet: it is due when somebody says so (`changed`), and others may wait for it."""
    await tx.execute(insert(realizations), [_fresh(tx, kind, resource_id, backend_id, None)])


async def fail(tx: Transaction, kind: Kind, resource_id: str, backend_id: str, reason: str, now: datetime) -> None:
    """What was expected there comes to nothing: those that wait for it hear why."""
    found = await on_backend(tx, kind, resource_id, backend_id)
    if found is not None:
        values = {"state": State.ERROR, "reason": reason[:1024]}
        await tx.execute(update(realizations).where(*exactly(tx, found)).values(values))
        await wake(tx, found, now)


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
    where = [*of_key(tx, kind, resource_id), realizations.c.backend_id == backend_id]
    await tx.execute(delete(realizations).where(*where))


async def revive(tx: Transaction, keys: Iterable[Key], backend_id: str, now: datetime) -> None:
    """What was on its way out there is wanted again; a pass that is just ending it makes way for it (`drop`)."""
    for kind, resource_id in keys:
        where = [
            *of_key(tx, kind, resource_id),
            realizations.c.backend_id == backend_id,
            realizations.c.wanted.is_(False),
        ]
        moves = ((State.DELETING, State.PROGRESSING.value), (State.ERROR, State.CREATING.value))
        state = case(*((realizations.c.state == old, new) for old, new in moves), else_=realizations.c.state)
        values = {"wanted": True, "due_at": now, "attempts": 0, "generation": 0, "state": state}
        await tx.execute(update(realizations).where(*where).values(**values))
    tx.ring = True


async def _use(tx: Transaction, image_ids: list[str], backend_id: str, now: datetime) -> None:
    """Copies of images come and go: one on its way out is wanted again, and each knows when it was last of use.

    The rows are held, so that nobody decides meanwhile that a copy is not needed (`image_copies.drop`).
    """
    mine = (
        realizations.c.region_id == tx.region_id,
        realizations.c.kind == Kind.IMAGE,
        realizations.c.backend_id == backend_id,
        realizations.c.resource_id.in_(image_ids),
    )
    if not tx.sqlite:
        await tx.execute(select(realizations.c.resource_id).where(*mine).with_for_update(read=True))
    used = realizations.c.observed[USED_AT].as_string()
    stale = or_(used.is_(None), used < (now - USED_SELDOM).isoformat())
    await tx.execute(update(realizations).where(*mine, stale).values(observed={USED_AT: now.isoformat()}))
    await revive(tx, [(Kind.IMAGE, image_id) for image_id in image_ids], backend_id, now)


async def changed(tx: Transaction, kind: Kind, resource_id: str, now: datetime) -> None:
    """The resource's spec has a new generation: every backend that has it is due."""
    await tx.execute(_CHANGE, {"due_at": now, "attempts": 0, **its_key(tx, kind, resource_id)})
    tx.ring = True


async def look(tx: Transaction, key: Key, now: datetime, but: str | None = None) -> None:
    """Something around it changed: wherever it is, it is due, on the backend `but` aside."""
    values = {"due_at": now, **its_key(tx, *key)}
    if but is None:
        await tx.execute(_CHANGE, values)
    else:
        await tx.execute(_CHANGE_ELSEWHERE, {**values, "but": but})
    tx.ring = True


async def look_at_all(tx: Transaction, kind: Kind, at: datetime, on: str | None = None) -> None:
    """Something around all of a kind changed: wherever one is (`on`: there), it is due then, if it is not before."""
    where = [realizations.c.region_id == tx.region_id, realizations.c.kind == kind]
    where += [realizations.c.backend_id == on] if on else []
    later = or_(realizations.c.due_at.is_(None), realizations.c.due_at > at)
    await tx.execute(update(realizations).where(*where, later).values(due_at=at))
    tx.ring = True


async def backends_of(tx: Transaction, kind: Kind, ids: Iterable[str]) -> set[str]:
    """Where any of these resources is wanted."""
    return set().union(*(await places(tx, kind, ids)).values())


async def places(tx: Transaction, kind: Kind, ids: Iterable[str]) -> dict[str, set[str]]:
    """The backends on which each of these resources is wanted."""
    return {resource_id: set(found) for resource_id, found in (await states(tx, kind, ids)).items()}


async def states(tx: Transaction, kind: Kind, ids: Iterable[str]) -> dict[str, dict[str, State]]:
    """... and what became of it there: resource -> backend -> state."""
    columns = (realizations.c.resource_id, realizations.c.backend_id, realizations.c.state)
    mine = (realizations.c.region_id == tx.region_id, realizations.c.kind == kind, realizations.c.wanted.is_(True))
    found: dict[str, dict[str, State]] = {}
    for row in await tx.execute(select(*columns).where(*mine, realizations.c.resource_id.in_(list(ids)))):
        found.setdefault(row.resource_id, {})[row.backend_id] = State(row.state)
    return found


async def peopled(tx: Transaction, kind: Kind, strangers: Iterable[str]) -> set[str]:
    """The backends where something of that kind is wanted that is not of these projects."""
    same_row = and_(
        resources.c.region_id == realizations.c.region_id,
        resources.c.id == realizations.c.resource_id,
        resources.c.kind == realizations.c.kind,
    )
    mine = (realizations.c.region_id == tx.region_id, realizations.c.kind == kind, realizations.c.wanted.is_(True))
    found = select(realizations.c.backend_id).join(resources, same_row).distinct()
    return set((await tx.execute(found.where(*mine, resources.c.project_id.not_in(list(strangers))))).scalars())


async def unwant(tx: Transaction, kind: Kind, resource_id: str, now: datetime, backend_id: str | None = None) -> bool:
    """It shall be gone, from one backend or from all; False when it is on none, so that the row may go at once."""
    values = {"wanted": False, "due_at": now, "attempts": 0, "waiting_on": None, **its_key(tx, kind, resource_id)}
    statement, there = (_CHANGE_ONE, {"its_backend_id": backend_id}) if backend_id else (_CHANGE, {})
    done = await tx.execute(statement, values | there)
    tx.ring = True
    return done.rowcount > 0


async def of_resource(tx: Transaction, kind: Kind, resource_id: str) -> list[Realization]:
    """Where a resource is, or shall be."""
    return [from_row(row) for row in await tx.execute(_OF_RESOURCE, its_key(tx, kind, resource_id))]


async def beyond(tx: Transaction, kind: Kind, ids: Iterable[str], backend_id: str) -> set[str]:
    """Which of these resources are, or shall be, on another backend than that one, too."""
    rows = await tx.execute(
        select(realizations.c.resource_id)
        .where(
            realizations.c.region_id == tx.region_id,
            realizations.c.kind == kind,
            realizations.c.resource_id.in_(list(ids)),
            realizations.c.backend_id != backend_id,
            realizations.c.wanted,
        )
        .distinct()
    )
    return set(rows.scalars())


async def on_backend(tx: Transaction, kind: Kind, resource_id: str, backend_id: str) -> Realization | None:
    """One realization, or None."""
    its = {**its_key(tx, kind, resource_id), "its_backend_id": backend_id}
    row = (await tx.execute(_ON_BACKEND, its)).first()
    return from_row(row) if row else None


async def needed(tx: Transaction, resource: Resource, backend_id: str) -> dict[Key, Realization | None]:
    """What the resource needs directly on that backend; None where there is no realization row at all."""
    its = {**its_key(tx, resource.kind, resource.id), "its_backend_id": backend_id}
    rows = await tx.execute(_NEEDED, its)
    return {(Kind(row.needed_kind), row.needed_id): from_row(row) if row.resource_id else None for row in rows}


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
        select(*COLUMNS).where(
            realizations.c.region_id == tx.region_id,
            realizations.c.backend_id == backend_id,
            realizations.c.kind == kind,
            realizations.c.external_id.in_(external),
        )
    )
    return {row.external_id: from_row(row) for row in rows}


async def resources_on(tx: Transaction, backend_id: str) -> list[tuple[Kind, str]]:
    """Everything that is, or shall be, on a backend: why a zone cannot be unbound."""
    rows = await tx.execute(
        select(realizations.c.kind, realizations.c.resource_id).where(
            realizations.c.region_id == tx.region_id, realizations.c.backend_id == backend_id
        )
    )
    return [(Kind(row.kind), row.resource_id) for row in rows]


async def needed_on(tx: Transaction, on: Key, backend_id: str, but: Iterable[Key] = ()) -> bool:
    """Whether something that is wanted there needs it there, its own parts (a network's subnets) and `but` aside.

    The database answers at the first one; no rows are read.
    """
    spared = [(str(kind), resource_id) for kind, resource_id in but]
    where = [
        *_users(tx, on, backend_id),
        needs.c.kind != Kind.SUBNET,
        *([tuple_(needs.c.kind, needs.c.resource_id).not_in(spared)] if spared else []),
    ]
    return (await tx.execute(select(needs.c.resource_id).join(realizations, and_(*where)).limit(1))).first() is not None


async def parts_on(tx: Transaction, on: Key, backend_id: str) -> list[Key]:
    """Those of its own parts (a network's subnets) that are wanted on a backend."""
    where = and_(*_users(tx, on, backend_id), needs.c.kind == Kind.SUBNET)
    found = await tx.execute(select(needs.c.resource_id).join(realizations, where))
    return [(Kind.SUBNET, resource_id) for resource_id in found.scalars()]


async def leaving_user(tx: Transaction, r: Realization) -> Key | None:
    """Something of another kind that is on its way out there, too, and needs this one until it is gone."""
    where = and_(*_users(tx, (r.kind, r.resource_id), r.backend_id, wanted=False), needs.c.kind != r.kind)
    row = (await tx.execute(select(needs.c.kind, needs.c.resource_id).join(realizations, where).limit(1))).first()
    return (Kind(row.kind), row.resource_id) if row else None


def _users(tx: Transaction, on: Key, backend_id: str, *, wanted: bool = True) -> list[ColumnElement[bool]]:
    kind, resource_id = on
    return [
        needs.c.region_id == tx.region_id,
        needs.c.needed_id == resource_id,
        needs.c.needed_kind == kind,
        realizations.c.region_id == needs.c.region_id,
        realizations.c.resource_id == needs.c.resource_id,
        realizations.c.kind == needs.c.kind,
        realizations.c.backend_id == backend_id,
        realizations.c.wanted.is_(wanted),
    ]


async def forget_needs(tx: Transaction, kind: Kind, resource_id: str) -> None:
    """The resource is removed: so is what it needed."""
    await tx.execute(_FORGET_NEEDS, its_key(tx, kind, resource_id))


async def release_needs(tx: Transaction, kind: Kind, resource_id: str, backend_id: str | None = None) -> None:
    """What was made with it, on that backend or anywhere, goes on without it; what is not made yet still needs it."""
    made = [
        realizations.c.region_id == needs.c.region_id,
        realizations.c.resource_id == needs.c.resource_id,
        realizations.c.kind == needs.c.kind,
        realizations.c.external_id.is_not(None),
    ]
    if backend_id is not None:
        made.append(realizations.c.backend_id == backend_id)
    needed = (needs.c.region_id == tx.region_id, needs.c.needed_id == resource_id, needs.c.needed_kind == kind)
    await tx.execute(delete(needs).where(*needed, exists().where(*made)))


async def wake(tx: Transaction, realization: Realization, now: datetime) -> None:
    """Those that wait for this one on its backend are due."""
    its = {"its_region_id": tx.region_id, "its_backend_id": realization.backend_id}
    values = {"due_at": now, "waiting_on": None, **its, "its_resource_id": realization.resource_id}
    done = await tx.execute(_WAITING, values)
    tx.ring = tx.ring or done.rowcount > 0


async def look_again(tx: Transaction, realization: Realization, now: datetime) -> None:
    """Something happened to it (a live call, a change feed): it is due."""
    await tx.execute(_CHANGE_ONE, {"due_at": now, **its_place(tx, realization)})
    tx.ring = True


async def look_by(tx: Transaction, realization: Realization, at: datetime, unless_by: datetime | None = None) -> None:
    """It is due then, unless it is by that time or by `unless_by` anyway."""
    later = or_(realizations.c.due_at.is_(None), realizations.c.due_at > (unless_by or at))
    await tx.execute(update(realizations).where(*exactly(tx, realization), later).values(due_at=at))
    tx.ring = True


async def news(tx: Transaction, realization: Realization, seen_at: datetime, now: datetime) -> None:
    """A change feed saw it as it was at `seen_at`: it is due since then, unless somebody asked for a look later."""
    await look_by(tx, realization, seen_at, unless_by=now)


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


def its_key(tx: Transaction, kind: Kind, resource_id: str) -> dict[str, Any]:
    """The parameters of `OF_KEY`."""
    return {"its_region_id": tx.region_id, "its_resource_id": resource_id, "its_kind": kind}


def its_place(tx: Transaction, r: Realization) -> dict[str, Any]:
    """The parameters of `EXACTLY`."""
    return {**its_key(tx, r.kind, r.resource_id), "its_backend_id": r.backend_id}


def of_key(tx: Transaction, kind: Kind, resource_id: str) -> list[ColumnElement[bool]]:
    """The realizations of one resource."""
    return [
        realizations.c.region_id == tx.region_id,
        realizations.c.resource_id == resource_id,
        realizations.c.kind == kind,
    ]


def exactly(tx: Transaction, r: Realization) -> list[ColumnElement[bool]]:
    """This one."""
    return [*of_key(tx, r.kind, r.resource_id), realizations.c.backend_id == r.backend_id]


def from_row(row: Row[Any]) -> Realization:
    """What a select of `COLUMNS` gave."""
    values = {c.name: getattr(row, c.name) for c in COLUMNS}
    return Realization(**{**values, "kind": Kind(row.kind), "state": State(row.state)})

"""How much more each backend takes of what a region makes there: its project's own limits, as they were seen last.

Written by `vregion.reconcile.room` in the background; read by the rules that choose a zone, in two queries at most. To
what a backend counted is added what it could not yet count: what waited to be made there when it was asked, and what
was written down since. It is an estimate: the backend itself has the last word, and the server's fault says it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, and_, delete, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from vregion.model.resource import Kind, State
from vregion.region.regions import Transaction
from vregion.region.tables import realizations, resources, rooms

Amounts = Mapping[str, tuple[int, int]]  # name -> (most, used); most -1: any number
_KINDS = (Kind.SERVER, Kind.VOLUME)
_SUMS = (
    func.count().label("number"),
    func.sum(resources.c.spec[("reserved", "cores")].as_integer()).label("cores"),
    func.sum(resources.c.spec[("reserved", "ram")].as_integer()).label("ram"),
    func.sum(resources.c.spec["size"].as_integer()).label("gigabytes"),
)
_SAME = and_(
    realizations.c.region_id == resources.c.region_id,
    realizations.c.resource_id == resources.c.id,
    realizations.c.kind == resources.c.kind,
)


@dataclass(frozen=True, slots=True)
class Room:
    """A backend's, by what is known of it now."""

    seen_at: datetime
    amounts: Amounts

    def lacks(self, wanted: Mapping[str, int]) -> str:
        """Why so much more does not fit, in words for the tenant; empty when it does."""
        for name, more in wanted.items():
            most, used = self.amounts.get(name, (-1, 0))
            if more > 0 and 0 <= most < used + more:
                at = self.seen_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                return f"{used} of {most} {name} in use, as of {at}"
        return ""


async def known(tx: Transaction) -> dict[str, Room]:
    """Backend -> its room. One that was never asked is not there: it is taken to have room."""
    mine = await tx.execute(select(rooms).where(rooms.c.region_id == tx.region_id))
    found = {row.backend_id: Room(row.seen_at, {n: (m, u) for n, (m, u) in row.amounts.items()}) for row in mine}
    if any(most >= 0 for room in found.values() for most, _ in room.amounts.values()):
        since = await _since(tx, min(room.seen_at for room in found.values()))
        return {backend_id: _more(room, since.get(backend_id, {})) for backend_id, room in found.items()}
    return found


async def waiting(tx: Transaction, backend_id: str, before: datetime) -> dict[str, int]:
    """What was to be made there before that time and is not there yet, as far as we know."""
    there, nothing = realizations.c.backend_id == backend_id, realizations.c.external_id.is_(None)
    mine = (realizations.c.region_id == tx.region_id, there, realizations.c.kind.in_(_KINDS), nothing)
    hoped = (realizations.c.wanted, realizations.c.state != State.ERROR, resources.c.created_at < before)
    columns = (realizations.c.backend_id, realizations.c.kind)
    chosen = select(*columns, *_SUMS).join(resources, _SAME).where(*mine, *hoped).group_by(*columns)
    return _amounts((await tx.execute(chosen)).all()).get(backend_id, {})


async def fresh(tx: Transaction, since: datetime) -> set[str]:
    """The backends that were asked after that time, by whichever process."""
    mine = (rooms.c.region_id == tx.region_id, rooms.c.seen_at > since)
    return set((await tx.execute(select(rooms.c.backend_id).where(*mine))).scalars())


async def seen(tx: Transaction, backend_id: str, told: Amounts, unseen: Mapping[str, int], at: datetime) -> None:
    """What a backend said when it was asked at that time, and what was `waiting` there just before."""
    insert = sqlite_insert if tx.sqlite else postgresql_insert
    amounts = {name: [most, used + unseen.get(name, 0)] for name, (most, used) in told.items()}
    values = {"region_id": tx.region_id, "backend_id": backend_id, "seen_at": at, "amounts": amounts}
    await tx.execute(
        insert(rooms)
        .values(values)
        .on_conflict_do_update(
            index_elements=[rooms.c.region_id, rooms.c.backend_id], set_={"seen_at": at, "amounts": amounts}
        )
    )


async def forget(tx: Transaction, backend_id: str) -> None:
    """The zone is bound anew, or goes."""
    await tx.execute(delete(rooms).where(rooms.c.region_id == tx.region_id, rooms.c.backend_id == backend_id))


async def _since(tx: Transaction, first: datetime) -> dict[str, dict[str, int]]:
    """Backend -> what was written down after it was asked; the oldest answer bounds the search."""
    asked = and_(rooms.c.region_id == resources.c.region_id, rooms.c.backend_id == resources.c.backend_id)
    later = (resources.c.created_at >= first, resources.c.created_at >= rooms.c.seen_at)
    mine = (resources.c.region_id == tx.region_id, resources.c.kind.in_(_KINDS), resources.c.deleting.is_(False))
    columns = (resources.c.backend_id, resources.c.kind)
    chosen = select(*columns, *_SUMS).join(rooms, asked).where(*mine, *later).group_by(*columns)
    return _amounts((await tx.execute(chosen)).all())


def _more(room: Room, since: Mapping[str, int]) -> Room:
    return Room(room.seen_at, {name: (most, used + since.get(name, 0)) for name, (most, used) in room.amounts.items()})


def _amounts(rows: Sequence[Row[Any]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        number, names = ("instances", ("cores", "ram")) if row.kind == Kind.SERVER else ("volumes", ("gigabytes",))
        found[row.backend_id][number] = row.number
        found[row.backend_id] |= {name: getattr(row, name) or 0 for name in names}
    return found

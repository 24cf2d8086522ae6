"""Interconnects between backends, and their segments: rows, and the transactions that change them.

The hot path reads interconnects through `Directory`; `vregion.provider.interconnects` writes them. Segments are given
out here to the reconcilers of all virtual regions and all processes: two owners of one number are impossible, because
the number is the key of its row, and an owner who asks twice gets the same one. Nothing that requests remember depends
on segments, so these writes leave the directory's version alone.
"""

from collections.abc import Iterable, Mapping

from sqlalchemy import ColumnElement, and_, delete, func, insert, select

from vregion.database import Connection
from vregion.directory.store import Store
from vregion.directory.tables import backends, interconnect_members, interconnects, segments
from vregion.model.interconnect import Interconnect, Segment


async def by_name(connection: Connection) -> Mapping[str, Interconnect]:
    """Every interconnect with its members, by name."""
    members: dict[str, dict[str, str]] = {}
    for row in await connection.execute(select(interconnect_members).order_by(interconnect_members.c.backend_id)):
        members.setdefault(row.interconnect, {})[row.backend_id] = row.physical_network
    rows = await connection.execute(select(interconnects).order_by(interconnects.c.name))
    return {row.name: Interconnect(**row._mapping, members=members.get(row.name, {})) for row in rows}


async def add(store: Store, wanted: Interconnect) -> str | None:
    """Write an interconnect down. What forbids it, in words: its name, a member that is gone, or segments shared.

    Two interconnects over the same physical network of a backend must not have a segment in common.
    """
    async with store.write() as connection:
        known = await by_name(connection)
        if wanted.name in known:
            return f"There is an interconnect {wanted.name} already."
        for other in known.values():
            if _meet(wanted, other):
                return f"Interconnect {other.name} has segments of that range on the same physical network."
        there = select(backends.c.id).where(backends.c.id.in_(wanted.members))
        if len((await connection.execute(there)).all()) < len(wanted.members):
            return "A member is being removed."
        row = {name: getattr(wanted, name) for name in interconnects.c.keys()}  # noqa: SIM118 - a collection of columns
        await connection.execute(insert(interconnects).values(**row))
        members = [
            {"interconnect": wanted.name, "backend_id": i, "physical_network": n} for i, n in wanted.members.items()
        ]
        await connection.execute(insert(interconnect_members), members)
    return None


async def remove(store: Store, name: str) -> bool:
    """Forget an interconnect; False while a segment of it is in use."""
    async with store.write() as connection:
        await _lock(connection, name)
        if await connection.scalar(select(segments.c.number).where(segments.c.interconnect == name).limit(1)):
            return False
        await connection.execute(delete(interconnects).where(interconnects.c.name == name))
    return True


async def used(store: Store, name: str) -> list[Segment]:
    """The segments in use, in their order."""
    mine = select(segments).where(segments.c.interconnect == name).order_by(segments.c.number)
    async with store.read() as connection:
        return [Segment(row.number, row.region_id, row.owner) for row in await connection.execute(mine)]


async def counts(store: Store) -> Mapping[str, int]:
    """How many segments of each interconnect are in use; one that has none is not in the answer."""
    chosen = select(segments.c.interconnect, func.count().label("used")).group_by(segments.c.interconnect)
    async with store.read() as connection:
        return {row.interconnect: row.used for row in await connection.execute(chosen)}


async def allocate(store: Store, name: str, region_id: str, owner: str) -> int | None:
    """The owner's segment, the lowest free one when he has none yet; None when there is none left.

    Raises LookupError for an interconnect that is not there.
    """
    async with store.aside() as connection:
        interconnect = await _lock(connection, name)
        if interconnect is None:
            raise LookupError(f"there is no interconnect {name}")
        mine = select(segments.c.number).where(segments.c.interconnect == name, *_of(region_id, owner))
        number: int | None = await connection.scalar(mine)
        if number is None:
            number = await _free(connection, name, *interconnect)
            if number is not None:
                row = {"interconnect": name, "number": number, "region_id": region_id, "owner": owner}
                await connection.execute(insert(segments).values(**row))
    return number


async def release(store: Store, region_id: str, owner: str) -> None:
    """The owner is gone from every backend: give back whatever he has. Nothing is fine."""
    async with store.aside() as connection:
        await connection.execute(delete(segments).where(*_of(region_id, owner)))


def _of(region_id: str, owner: str) -> Iterable[ColumnElement[bool]]:
    return segments.c.region_id == region_id, segments.c.owner == owner


async def _lock(connection: Connection, name: str) -> tuple[int, int] | None:
    """The range; one transaction at a time may choose in it (SQLite has only one)."""
    chosen = select(interconnects.c.first_segment, interconnects.c.last_segment).where(interconnects.c.name == name)
    row = (await connection.execute(chosen.with_for_update())).one_or_none()
    return (row.first_segment, row.last_segment) if row else None


async def _free(connection: Connection, name: str, first: int, last: int) -> int | None:
    """The lowest number in the range that nobody has: the first, or the one behind the first that ends a run."""
    mine = segments.c.interconnect == name
    if not await connection.scalar(select(segments.c.number).where(mine, segments.c.number == first)):
        return first
    after = segments.alias("after")
    follows = and_(after.c.interconnect == segments.c.interconnect, after.c.number == segments.c.number + 1)
    gap = (
        select(func.min(segments.c.number))
        .select_from(segments.outerjoin(after, follows))
        .where(mine, segments.c.number >= first, segments.c.number < last, after.c.number.is_(None))
    )
    found = await connection.scalar(gap)
    return None if found is None else int(found) + 1


def _meet(one: Interconnect, other: Interconnect) -> bool:
    same = any(other.members.get(backend_id) == network for backend_id, network in one.members.items())
    return same and one.first_segment <= other.last_segment and other.first_segment <= one.last_segment

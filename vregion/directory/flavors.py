"""The provider's flavors, which of a backend's own flavors each of them is, and who has the private ones.

The hot path reads them through `Directory`; `vregion.provider.flavors` writes them and does the matching.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from sqlalchemy import delete, insert, or_, select

from vregion.database import Connection
from vregion.directory.store import Store
from vregion.directory.tables import backend_flavors, flavor_tenants, flavors, tenants


@dataclass(frozen=True, slots=True)
class Flavor:
    """What a server can be, in Nova's words and units (MiB of RAM and swap, GiB of disk)."""

    id: str
    name: str
    vcpus: int
    ram: int
    disk: int
    ephemeral: int = 0
    swap: int = 0
    rxtx_factor: float = 1.0
    is_public: bool = True
    description: str | None = None
    extra_specs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match:
    """A backend's flavor that is one of ours; without `external_id` the backend lacks it, and `reason` says why."""

    external_id: str | None
    reason: str | None = None


async def by_id(connection: Connection) -> Mapping[str, Flavor]:
    """Every flavor, the smallest first."""
    rows = await connection.execute(select(flavors).order_by(flavors.c.ram, flavors.c.vcpus, flavors.c.id))
    return {row.id: Flavor(**row._mapping) for row in rows}


async def matched(connection: Connection, backend_id: str) -> Mapping[str, str]:
    """The flavors that a backend has: our id -> its id."""
    chosen = select(backend_flavors.c.flavor_id, backend_flavors.c.external_id).where(
        backend_flavors.c.backend_id == backend_id, backend_flavors.c.external_id.is_not(None)
    )
    return {row.flavor_id: row.external_id for row in await connection.execute(chosen)}


async def given(connection: Connection, region_id: str) -> frozenset[str]:
    """The private flavors that a tenant has."""
    chosen = select(flavor_tenants.c.flavor_id).where(flavor_tenants.c.region_id == region_id)
    return frozenset((await connection.execute(chosen)).scalars())


async def whose(store: Store) -> dict[str, list[str]]:
    """Private flavor id -> names of the tenants who have it."""
    chosen = select(flavor_tenants.c.flavor_id, tenants.c.name).join(tenants).order_by(tenants.c.name)
    found: dict[str, list[str]] = {}
    async with store.read() as connection:
        for row in await connection.execute(chosen):
            found.setdefault(row.flavor_id, []).append(row.name)
    return found


async def lacking(store: Store) -> dict[str, dict[str, str]]:
    """Flavor id -> backend id -> why that backend lacks it."""
    found: dict[str, dict[str, str]] = {}
    async with store.read() as connection:
        rows = await connection.execute(select(backend_flavors).where(backend_flavors.c.external_id.is_(None)))
        for row in rows:
            found.setdefault(row.flavor_id, {})[row.backend_id] = row.reason or ""
    return found


async def add(store: Store, flavor: Flavor) -> bool:
    """Write a flavor down; False when its id or name is taken."""
    async with store.write() as connection:
        known = or_(flavors.c.id == flavor.id, flavors.c.name == flavor.name)
        if await connection.scalar(select(flavors.c.id).where(known)):
            return False
        await connection.execute(insert(flavors).values(**asdict(flavor)))
    return True


async def match(store: Store, backend_id: str, matches: Mapping[str, Match]) -> None:
    """Keep what a backend has of these flavors, in place of what was known of them."""
    if not matches:
        return
    mine = backend_flavors.c.backend_id == backend_id
    async with store.write() as connection:
        await connection.execute(delete(backend_flavors).where(mine, backend_flavors.c.flavor_id.in_(list(matches))))
        known = set((await connection.execute(select(flavors.c.id).where(flavors.c.id.in_(list(matches))))).scalars())
        rows = [
            {"backend_id": backend_id, "flavor_id": id, "external_id": match.external_id, "reason": match.reason}
            for id, match in matches.items()
            if id in known
        ]
        if rows:
            await connection.execute(insert(backend_flavors), rows)


async def give(store: Store, flavor_id: str, region_id: str) -> bool:
    """The tenant has it from now on, or had it already. False when there is no such private flavor."""
    async with store.write() as connection:
        private = select(flavors.c.id).where(flavors.c.id == flavor_id, flavors.c.is_public.is_(False))
        if await connection.scalar(private) is None:
            return False
        if flavor_id not in await given(connection, region_id):
            await connection.execute(insert(flavor_tenants).values(flavor_id=flavor_id, region_id=region_id))
    return True


async def take(store: Store, flavor_id: str, region_id: str) -> bool:
    """The tenant has it no longer. False when he did not have it."""
    one = (flavor_tenants.c.flavor_id == flavor_id, flavor_tenants.c.region_id == region_id)
    async with store.write() as connection:
        taken = await connection.execute(delete(flavor_tenants).where(*one))
    return bool(taken.rowcount)


async def remove(store: Store, flavor_id: str) -> bool:
    """Forget a flavor; servers keep what they were made with. False when there is none."""
    async with store.write() as connection:
        removed = await connection.execute(delete(flavors).where(flavors.c.id == flavor_id))
    return bool(removed.rowcount)

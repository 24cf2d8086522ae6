"""Tenants and their virtual regions: rows, and the transactions that change them.

The hot path reads them through `Directory`; `vregion.provider.tenants` writes them. Keystone's side is not known here.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from vregion.database import Connection
from vregion.directory.store import Store
from vregion.directory.tables import segments, tenants


@dataclass(frozen=True, slots=True)
class Tenant:
    """A customer with his Keystone domain and virtual region. `state` is 'opening', 'open' or 'closing'."""

    region_id: str
    name: str
    domain_id: str
    state: str
    created_at: str
    options: dict[str, Any] = field(default_factory=dict)


def now() -> str:
    """The time as the tables keep it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _tenant(row: Row[Any] | None) -> Tenant | None:
    return None if row is None else Tenant(**row._mapping)


async def find(connection: Connection, region_id: str) -> Tenant | None:
    """By the id of the virtual region."""
    return _tenant((await connection.execute(select(tenants).where(tenants.c.region_id == region_id))).one_or_none())


async def find_by_domain(connection: Connection, domain_id: str) -> Tenant | None:
    """By the Keystone domain, when the tenant is open."""
    chosen = select(tenants).where(tenants.c.domain_id == domain_id, tenants.c.state == "open")
    return _tenant((await connection.execute(chosen)).one_or_none())


async def find_by_name(connection: Connection, name: str) -> Tenant | None:
    """By name, which no two share."""
    return _tenant((await connection.execute(select(tenants).where(tenants.c.name == name))).one_or_none())


async def page(store: Store, after: str, limit: int) -> list[Tenant]:
    """The tenants that follow the name `after`, in the order of their names."""
    chosen = select(tenants).where(tenants.c.name > after).order_by(tenants.c.name).limit(limit)
    async with store.read() as connection:
        return [Tenant(**row._mapping) for row in await connection.execute(chosen)]


async def add(store: Store, tenant: Tenant) -> Tenant:
    """Write a tenant down, or find the one of this name as he stands."""
    async with store.write() as connection:
        if known := await find_by_name(connection, tenant.name):
            return known
        await connection.execute(insert(tenants).values(**{c.name: getattr(tenant, c.name) for c in tenants.c}))
        return tenant


async def set_state(store: Store, region_id: str, state: str) -> None:
    """Move a tenant to another state."""
    async with store.write() as connection:
        await connection.execute(update(tenants).where(tenants.c.region_id == region_id).values(state=state))


async def remove(store: Store, region_id: str) -> None:
    """Forget a tenant, whose segments are free; the database refuses while he has bindings."""
    async with store.write() as connection:
        await connection.execute(delete(segments).where(segments.c.region_id == region_id))
        await connection.execute(delete(tenants).where(tenants.c.region_id == region_id))

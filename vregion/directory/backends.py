"""Backends: rows, and the transactions that change them.

The hot path reads them through `Directory`; `vregion.provider.backends` writes them. No backend is called from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, exists, insert, select, update

from vregion.database import Connection
from vregion.directory import credentials
from vregion.directory.store import Store
from vregion.directory.tables import backends, bindings, interconnect_members
from vregion.directory.tenants import now
from vregion.model.backend import Backend, Credential
from vregion.model.microversion import Microversion

_BACKEND = (
    backends.c.id,
    backends.c.name,
    backends.c.driver,
    backends.c.address,
    backends.c.region_name,
    backends.c.options,
)


@dataclass(frozen=True, slots=True)
class Checked:
    """A backend with what its last check found. `state` is 'ready', or 'unreachable' when that check failed."""

    backend: Backend
    state: str
    report: dict[str, Any]
    checked_at: str | None


async def by_id(connection: Connection) -> Mapping[str, Backend]:
    """Every backend."""
    rows = await connection.execute(select(*_BACKEND).order_by(backends.c.name))
    return {row.id: Backend(**row._mapping) for row in rows}


async def microversions(connection: Connection, service: str) -> Mapping[str, Microversion]:
    """The newest microversion of a service ('compute', 'volume') by backend, as the last checks found it."""
    rows = await connection.execute(select(backends.c.id, backends.c.report))
    told = {row.id: row.report.get("services", {}).get(service, {}).get("microversion") for row in rows}
    found = {backend_id: Microversion.parse(text) for backend_id, text in told.items() if text}
    return {backend_id: version for backend_id, version in found.items() if version}


async def external_networks(store: Store, backend_id: str) -> list[dict[str, Any]]:
    """The networks to the outside that a backend's last check found, each with its subnets."""
    async with store.read() as connection:
        report = await connection.scalar(select(backends.c.report).where(backends.c.id == backend_id))
    return list((report or {}).get("external_networks", ()))


async def checked(store: Store) -> list[Checked]:
    """Every backend with its last check, by name."""
    async with store.read() as connection:
        rows = (await connection.execute(select(backends).order_by(backends.c.name))).all()
    return [
        Checked(
            Backend(row.id, row.name, row.driver, row.address, row.region_name, row.options),
            row.state,
            row.report,
            row.checked_at,
        )
        for row in rows
    ]


async def add(store: Store, backend: Backend, credential: Credential, report: dict[str, Any]) -> bool:
    """Write a checked backend down with its credential; False when the name is taken."""
    values = {column.name: getattr(backend, column.name) for column in _BACKEND}
    async with store.write() as connection:
        if await connection.scalar(select(backends.c.id).where(backends.c.name == backend.name)):
            return False
        await connection.execute(insert(backends).values(**values, state="ready", report=report, checked_at=now()))
        await credentials.put(connection, store.keys, "backend", backend.id, credential)
    return True


async def record(store: Store, backend_id: str, state: str, report: dict[str, Any]) -> None:
    """Keep what a check has found."""
    found = update(backends).where(backends.c.id == backend_id)
    async with store.write() as connection:
        await connection.execute(found.values(state=state, report=report, checked_at=now()))


async def remove(store: Store, backend_id: str) -> None:
    """Forget a backend and its credential; ValueError while a zone is bound to it, or an interconnect joins it."""
    async with store.write() as connection:
        if await connection.scalar(select(exists().where(bindings.c.backend_id == backend_id))):
            raise ValueError("zones are bound to this backend")
        if await connection.scalar(select(exists().where(interconnect_members.c.backend_id == backend_id))):
            raise ValueError("an interconnect joins this backend")
        await connection.execute(delete(backends).where(backends.c.id == backend_id))
        await credentials.remove(connection, "backend", backend_id)

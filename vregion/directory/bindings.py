"""Bindings of zones to backends: rows, and the transactions that change them.

The hot path reads them through `Directory`; `vregion.provider.zones` writes them. A binding is written down as
'opening' before its backend is called, and its id is the mark of what is made there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Row, Select, delete, exists, func, insert, select, update

from vregion.database import Connection
from vregion.directory import credentials, interconnects
from vregion.directory.store import Store
from vregion.directory.tables import backends, bindings, tenants
from vregion.model.backend import Binding, Credential, VolumeType
from vregion.model.interconnect import Interconnect, Join

IN_USE = ("enabled", "draining")


def _binding(row: Row[Any]) -> Binding:
    return Binding(row.id, row.region_id, row.availability_zone, row.backend_id, row.state, row.is_default)


def _values(binding: Binding) -> dict[str, Any]:
    values = asdict(binding)
    for told in ("joins", "volume_types", "qos_rule_types", "capabilities"):
        del values[told]
    return values | {"is_default": values.pop("default")}


async def _all(connection: Connection, chosen: Select[Any]) -> tuple[Binding, ...]:
    return tuple(_binding(row) for row in await connection.execute(chosen.order_by(bindings.c.availability_zone)))


async def find(connection: Connection, binding_id: str) -> Binding | None:
    """By id."""
    found = await _all(connection, select(bindings).where(bindings.c.id == binding_id))
    return found[0] if found else None


async def in_use(connection: Connection, region_id: str) -> tuple[Binding, ...]:
    """What the tenant has, neither half made nor half removed, with what each backend offers."""
    mine = bindings.c.region_id == region_id, bindings.c.state.in_(IN_USE)
    chosen = select(bindings, backends.c.report).join(backends, backends.c.id == bindings.c.backend_id).where(*mine)
    rows = (await connection.execute(chosen.order_by(bindings.c.availability_zone))).all()
    found = [_binding(row) for row in rows]
    known = (await interconnects.by_name(connection)).values() if len(found) > 1 else ()
    return tuple(
        replace(
            binding,
            volume_types=_volume_types(row.report),
            qos_rule_types=row.report.get("services", {}).get("network", {}).get("qos_rule_types"),
            capabilities=frozenset(row.report.get("capabilities", ())),
            joins=_joins(binding, found, known),
        )
        for binding, row in zip(found, rows, strict=True)
    )


def _joins(binding: Binding, of_region: Sequence[Binding], known: Iterable[Interconnect]) -> tuple[Join, ...]:
    joins = []
    for interconnect in known:
        zones = frozenset(b.availability_zone for b in of_region if b.backend_id in interconnect.members)
        if binding.backend_id in interconnect.members and len(zones) > 1:
            joins.append(Join(interconnect.name, interconnect.mtu, zones))
    return tuple(sorted(joins, key=lambda join: (-len(join.zones), join.interconnect)))


def _volume_types(report: dict[str, Any]) -> tuple[VolumeType, ...]:
    volume = report.get("services", {}).get("volume", {})
    qos = volume.get("qos", {})
    return tuple(VolumeType(**one, qos=qos.get(one["name"])) for one in volume.get("types", []))


async def of_region(store: Store, region_id: str) -> tuple[Binding, ...]:
    """Every binding of a virtual region, in whatever state."""
    async with store.read() as connection:
        return await _all(connection, select(bindings).where(bindings.c.region_id == region_id))


async def of_backend(store: Store, backend_id: str, limit: int) -> tuple[Binding, ...]:
    """Some of the bindings to a backend."""
    async with store.read() as connection:
        return await _all(connection, select(bindings).where(bindings.c.backend_id == backend_id).limit(limit))


async def add(store: Store, binding: Binding, *, given: bool) -> Binding | None:
    """Write a binding down, or find the one that has this zone or this backend already, as it stands.

    The first of a region becomes the default. None when the backend or the tenant is gone, or the tenant is closing.
    """
    async with store.write() as connection:
        mine = await _all(connection, select(bindings).where(bindings.c.region_id == binding.region_id))
        for known in mine:
            if known.availability_zone == binding.availability_zone or known.backend_id == binding.backend_id:
                return known
        open_tenant = exists().where(tenants.c.region_id == binding.region_id, tenants.c.state != "closing")
        if not await connection.scalar(select(open_tenant & exists().where(backends.c.id == binding.backend_id))):
            return None
        written = replace(binding, default=binding.default or not any(known.default for known in mine))
        await connection.execute(insert(bindings).values(**_values(written), given=given))
        if written.default:
            await _make_default(connection, written)
    return written


async def set_default(store: Store, binding: Binding) -> None:
    """Make this zone the one that is taken when a request names none."""
    async with store.write() as connection:
        await _make_default(connection, binding)


async def _make_default(connection: Connection, binding: Binding) -> None:
    mine = update(bindings).where(bindings.c.region_id == binding.region_id)
    await connection.execute(mine.values(is_default=bindings.c.id == binding.id))


async def enable(store: Store, binding_id: str, credential: Credential, *, given: bool) -> None:
    """Keep the credential and put the zone into use, both or neither."""
    async with store.write() as connection:
        await credentials.put(connection, store.keys, "binding", binding_id, credential)
        enabled = update(bindings).where(bindings.c.id == binding_id)
        await connection.execute(enabled.values(state="enabled", given=given))


async def set_state(store: Store, binding_id: str, state: str) -> None:
    """Move a binding to another state."""
    async with store.write() as connection:
        await connection.execute(update(bindings).where(bindings.c.id == binding_id).values(state=state))


async def is_given(store: Store, binding_id: str) -> bool:
    """Whether its credential was handed in, so that nothing is ours to remove in the backend."""
    async with store.read() as connection:
        return bool(await connection.scalar(select(bindings.c.given).where(bindings.c.id == binding_id)))


async def remove(store: Store, binding: Binding) -> None:
    """Forget a binding and its credential; the next zone by name becomes the default in its place."""
    async with store.write() as connection:
        await connection.execute(delete(bindings).where(bindings.c.id == binding.id))
        await credentials.remove(connection, "binding", binding.id)
        if binding.default:
            first = select(func.min(bindings.c.availability_zone)).where(bindings.c.region_id == binding.region_id)
            heir = (bindings.c.region_id == binding.region_id) & (
                bindings.c.availability_zone == first.scalar_subquery()
            )
            await connection.execute(update(bindings).where(heir).values(is_default=True))

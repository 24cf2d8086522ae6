"""Who has which address and MAC: one row each, so that the database itself refuses a second owner.

Called by ports, subnets and networks inside their transactions. Nothing here walks through the addresses of a subnet:
the next free one is behind the highest in use; only a pool used up to its end is probed, and then searched for a gap.
"""

from collections.abc import Iterable
from random import SystemRandom
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from vregion.ipam import macs as mac_addresses
from vregion.ipam import pools, prefixes
from vregion.model.resource import Resource
from vregion.region.regions import Transaction
from vregion.region.tables import addresses, macs, same

PROBES = 3
_RANDOM = SystemRandom()
_ON_SUBNET = same(addresses.c.region_id, addresses.c.subnet_id)
_RELEASE_SUBNET = delete(addresses).where(_ON_SUBNET)
_RESERVED = select(addresses.c.address).where(_ON_SUBNET, same(addresses.c.port_id)).limit(1)
_HIGHEST = select(func.max(addresses.c.position)).where(
    _ON_SUBNET, addresses.c.position.between(bindparam("low"), bindparam("high"))
)
_INSERT_NEW = {  # of a table, on SQLite?
    (table, sqlite): make(table).on_conflict_do_nothing().returning(table.c.port_id)
    for table in (addresses, macs)
    for sqlite, make in ((True, sqlite_insert), (False, postgresql_insert))
}


def dhcp_owner(backend_id: str) -> str:
    """Who owns the address of a zone's own DHCP service."""
    return f"dhcp:{backend_id}"


def gateway_owner(backend_id: str) -> str:
    """Who owns the address of a zone's own gateway while no router has it."""
    return f"gateway:{backend_id}"


async def take(tx: Transaction, subnet: Resource, owner: str, address: str) -> bool:
    """Take one address; False when somebody on the network has it."""
    row = {
        "region_id": tx.region_id,
        "network_id": subnet.spec["network_id"],
        "address": address,
        "subnet_id": subnet.id,
        "port_id": owner,
        "position": prefixes.position(prefixes.prefix(subnet.spec["cidr"]), address),
    }
    return await _insert_new(tx, addresses, row)


async def allocate(tx: Transaction, subnet: Resource, owner: str) -> str | None:
    """Take a free address of the subnet's pools; None when there is none."""
    prefix = prefixes.prefix(subnet.spec["cidr"])
    for pool in subnet.spec["allocation_pools"]:
        span = pools.positions(prefix, pool)
        while span is not None and (found := await _free(tx, subnet.id, *span)) is not None:
            address = prefixes.at(prefix, found)
            if await take(tx, subnet, owner, address):
                return address
    return None


async def release(tx: Transaction, owner: str, only: Iterable[str] | None = None, subnet_id: str | None = None) -> None:
    """Give back all of an owner's addresses, or some, or those on one subnet."""
    where = [addresses.c.region_id == tx.region_id, addresses.c.port_id == owner]
    if subnet_id is not None:
        where.append(addresses.c.subnet_id == subnet_id)
    if only is not None:
        where.append(addresses.c.address.in_(list(only)))
    await tx.execute(delete(addresses).where(*where))


async def release_subnet(tx: Transaction, subnet_id: str) -> None:
    """Everything on a subnet that ends."""
    await tx.execute(_RELEASE_SUBNET, {"its_region_id": tx.region_id, "its_subnet_id": subnet_id})


async def hand_over(tx: Transaction, subnet_id: str, address: str, owner: str, to: str) -> bool:
    """An address has another owner; False when it was not that owner's."""
    mine = (addresses.c.region_id == tx.region_id, addresses.c.subnet_id == subnet_id, addresses.c.port_id == owner)
    done = await tx.execute(update(addresses).where(*mine, addresses.c.address == address).values(port_id=to))
    return bool(done.rowcount)


async def owner_of(tx: Transaction, network_id: str, address: str) -> str | None:
    """The port that has an address."""
    row = await tx.execute(
        select(addresses.c.port_id).where(
            addresses.c.region_id == tx.region_id,
            addresses.c.network_id == network_id,
            addresses.c.address == address,
        )
    )
    return row.scalar_one_or_none()


async def reserved(tx: Transaction, subnet_id: str, owner: str) -> str | None:
    """The address that an owner has on a subnet, the first if it has several."""
    its = {"its_region_id": tx.region_id, "its_subnet_id": subnet_id, "its_port_id": owner}
    row = await tx.execute(_RESERVED, its)
    return row.scalar_one_or_none()


async def used_by_port(tx: Transaction, subnet_id: str) -> bool:
    """Whether any port, those of zones' own services aside, has an address on the subnet."""
    row = await tx.execute(
        select(addresses.c.port_id)
        .where(
            addresses.c.region_id == tx.region_id,
            addresses.c.subnet_id == subnet_id,
            addresses.c.port_id.not_like("%:%"),
        )
        .limit(1)
    )
    return row.first() is not None


def ports_with(
    tx: Transaction,
    ips: Iterable[str] = (),
    subnet_ids: Iterable[str] = (),
    part: str | None = None,
) -> Select[Any]:
    """The ids of ports that have one of these addresses, and one on these subnets, and one that contains `part`."""
    where = [addresses.c.region_id == tx.region_id]
    if chosen := list(ips):
        where.append(addresses.c.address.in_(chosen))
    if subnets := list(subnet_ids):
        where.append(addresses.c.subnet_id.in_(subnets))
    if part is not None:
        where.append(addresses.c.address.contains(part, autoescape=True))
    return select(addresses.c.port_id).where(*where)


async def take_mac(tx: Transaction, network_id: str, port_id: str, mac: str) -> bool:
    """Take one MAC; False when a port of the network has it."""
    row = {"region_id": tx.region_id, "network_id": network_id, "mac": mac, "port_id": port_id}
    return await _insert_new(tx, macs, row)


async def allocate_mac(tx: Transaction, network_id: str, port_id: str, address: str | None = None) -> str:
    """Take a MAC at random; with an address the one that belongs to it, when nobody has that."""
    mac = mac_addresses.derived(network_id, address) if address else mac_addresses.random()
    while not await take_mac(tx, network_id, port_id, mac):
        mac = mac_addresses.random()
    return mac


async def release_mac(tx: Transaction, port_id: str, only: Iterable[str] | None = None) -> None:
    """Give back a port's MAC, or those of its MACs."""
    where = [macs.c.region_id == tx.region_id, macs.c.port_id == port_id]
    if only is not None:
        where.append(macs.c.mac.in_(list(only)))
    await tx.execute(delete(macs).where(*where))


async def ports_of_network(tx: Transaction, network_id: str) -> list[str]:
    """The ids of the ports that are on a network: each has a MAC there, a router's one in each zone."""
    mine = (macs.c.region_id == tx.region_id, macs.c.network_id == network_id)
    rows = await tx.execute(select(macs.c.port_id).where(*mine).distinct())
    return sorted(row.port_id for row in rows)


async def _insert_new(tx: Transaction, table: Any, row: dict[str, Any]) -> bool:
    done = await tx.execute(_INSERT_NEW[table, tx.sqlite], row)
    return done.first() is not None


async def _free(tx: Transaction, subnet_id: str, low: int, high: int) -> int | None:
    """A position between the two that was free a moment ago."""
    its = {"its_region_id": tx.region_id, "its_subnet_id": subnet_id, "low": low, "high": high}
    last = (await tx.execute(_HIGHEST, its)).scalar_one()
    if last is None:
        return low
    if last < high:
        return int(last) + 1
    on_subnet = (addresses.c.region_id == tx.region_id, addresses.c.subnet_id == subnet_id)
    guesses = {_RANDOM.randint(low, high) for _ in range(PROBES)} | {low}
    known = await tx.execute(select(addresses.c.position).where(*on_subnet, addresses.c.position.in_(guesses)))
    if open_guesses := guesses - {row.position for row in known}:
        return min(open_guesses)
    after = addresses.alias("after")
    gap = (
        select(addresses.c.position + 1)
        .select_from(
            addresses.outerjoin(
                after,
                and_(
                    after.c.region_id == addresses.c.region_id,
                    after.c.subnet_id == addresses.c.subnet_id,
                    after.c.position == addresses.c.position + 1,
                ),
            )
        )
        .where(*on_subnet, addresses.c.position.between(low, high - 1), after.c.address.is_(None))
        .order_by(addresses.c.position)
        .limit(1)
    )
    return (await tx.execute(gap)).scalar_one_or_none()

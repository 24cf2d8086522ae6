"""What a virtual region's networks look like over its zones: what is where, joined by what, not converged and why.

Read by the provider's operation of that name (`vregion.provider.topology`), from rows alone, in three queries
whatever the region's size. It never changes anything. Kinds are told by their words: one without rows is no trouble.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select

from vregion.model.resource import Kind, State
from vregion.region.regions import Region, Transaction
from vregion.region.tables import realizations, resources

KINDS = ("network", "subnet", "port", "router", "floatingip", "security_group", "qos_policy", "trunk")
Place = dict[str, Any]


async def topology(region: Region) -> dict[str, Any]:
    """Networks with their subnets, ports and places; routers with theirs; and whatever is not as it shall be.

    A place is {"backend_id", "state", "wanted", "reason"}. `unsettled` names everything in a place that is not ready.
    """
    async with region.read() as tx:
        rows = await _rows(tx)
        places = await _places(tx)
        devices = await _names(tx, {row.spec.get("device_id") for row in rows["port"]})
    ports = defaultdict(list)
    for row in rows["port"]:
        ports[row.spec["network_id"]].append(_port(row, devices, places))
    subnets = defaultdict(list)
    for row in rows["subnet"]:
        subnets[row.spec["network_id"]].append({"id": row.id, "name": row.name, "cidr": row.spec["cidr"]})
    return {
        "networks": [
            _network(row, places) | {"subnets": subnets[row.id], "ports": ports[row.id]} for row in rows["network"]
        ],
        "routers": [_plain(row, places) | {"apart": row.spec.get("apart")} for row in rows["router"]],
        "unsettled": _unsettled(rows, places),
    }


async def _rows(tx: Transaction) -> Mapping[str, list[Row[Any]]]:
    columns = (resources.c.kind, resources.c.id, resources.c.name, resources.c.status, resources.c.deleting)
    chosen = select(*columns, resources.c.project_id, resources.c.spec)
    mine = (resources.c.region_id == tx.region_id, resources.c.kind.in_(KINDS))
    found: dict[str, list[Row[Any]]] = {kind: [] for kind in KINDS}
    for row in await tx.execute(chosen.where(*mine).order_by(resources.c.created_at, resources.c.id)):
        found[row.kind].append(row)
    return found


async def _places(tx: Transaction) -> Mapping[tuple[str, str], list[Place]]:
    names = ("backend_id", "state", "wanted", "reason")
    columns = [realizations.c[name] for name in names]
    mine = (realizations.c.region_id == tx.region_id, realizations.c.kind.in_(KINDS))
    chosen = select(realizations.c.kind, realizations.c.resource_id, *columns).where(*mine)
    found: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for row in await tx.execute(chosen.order_by(realizations.c.backend_id)):
        found[row.kind, row.resource_id].append({name: getattr(row, name) for name in names})
    return found


async def _names(tx: Transaction, ids: set[str | None]) -> Mapping[str, str]:
    """Names of servers and routers, by id."""
    mine = (resources.c.region_id == tx.region_id, resources.c.kind.in_((Kind.SERVER, "router")))
    rows = await tx.execute(select(resources.c.id, resources.c.name).where(*mine))
    return {row.id: row.name for row in rows if row.id in ids}


def _plain(row: Row[Any], places: Mapping[tuple[str, str], list[Place]]) -> dict[str, Any]:
    shown = {"id": row.id, "name": row.name, "project_id": row.project_id, "status": row.status}
    return {**shown, "deleting": row.deleting, "places": places[row.kind, row.id]}


def _network(row: Row[Any], places: Mapping[tuple[str, str], list[Place]]) -> dict[str, Any]:
    told = {name: row.spec.get(name) for name in ("interconnect", "segment", "mtu", "local_because")}
    return _plain(row, places) | told


def _port(row: Row[Any], devices: Mapping[str, str], places: Mapping[tuple[str, str], list[Place]]) -> dict[str, Any]:
    spec = row.spec
    return _plain(row, places) | {
        "device_id": spec.get("device_id", ""),
        "device": devices.get(spec.get("device_id", ""), ""),
        "device_owner": spec.get("device_owner", ""),
        "addresses": [ip["ip_address"] for ip in spec["fixed_ips"]],
    }


def _unsettled(rows: Mapping[str, Sequence[Row[Any]]], places: Mapping[tuple[str, str], list[Place]]) -> list[Any]:
    return [
        {"kind": kind, "id": row.id, "name": row.name, **place}
        for kind, of_kind in rows.items()
        for row in of_kind
        for place in places[kind, row.id]
        if place["state"] != State.READY or not place["wanted"]
    ]

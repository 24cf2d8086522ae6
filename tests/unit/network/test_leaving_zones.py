"""The last port of a network in a zone: found by the database, however many ports there are elsewhere."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.network.network_rows import NOW
from tests.unit.network.outside import WHO, bound, joined, router
from vregion.model.interconnect import Join
from vregion.model.resource import Kind, Resource
from vregion.region import ports, realizations, resources
from vregion.region.regions import Region, Transaction

JOINED = [replace(bound(zone), joins=(Join("wan", 1500, frozenset({"az1", "az2"})),)) for zone in ("az1", "az2")]


async def network(tx: Transaction, here: int, there: int) -> tuple[Resource, list[Resource]]:
    """A network with a router on it and so many ports in each zone; those of the second one."""
    inside, made = await joined(tx, await router(tx)), []
    for number, zone in enumerate([JOINED[0]] * here + [JOINED[1]] * there):
        port = await ports.plug(tx, WHO, {"uuid": inside.id}, f"s-{number}", WHO.project_id, zone, [], NOW)
        made.append(await resources.get(tx, Kind.PORT, port.id))
    return inside, made[here:]


async def leave(tx: Transaction, port: Resource) -> None:
    """The port ends, and its zone has let go of it."""
    await ports.unplug(tx, port, NOW)
    (gone,) = await realizations.of_resource(tx, Kind.PORT, port.id)
    await ports.leaves(tx, await resources.get(tx, Kind.PORT, port.id), gone, NOW)


async def in_zones(tx: Transaction, network: Resource) -> tuple[set[str], set[str], set[str]]:
    """Where the network, its subnet and its router's interface are wanted."""
    network = await resources.get(tx, Kind.NETWORK, network.id)
    keys = ((Kind.NETWORK, network.id), (Kind.SUBNET, network.spec["subnets"][0]))
    network_on, subnet_on = [await realizations.backends_of(tx, kind, [i]) for kind, i in keys]
    return network_on, subnet_on, await realizations.backends_of(tx, Kind.PORT, network.spec["router_ports"])


async def test_router_and_network_leave_with_the_last_port_there(region: Region) -> None:
    async with region.write() as tx:
        inside, there = await network(tx, 2, 2)
        await leave(tx, there[0])
        assert await in_zones(tx, inside) == ({"b1", "b2"}, {"b1", "b2"}, {"b1", "b2"})
        await leave(tx, there[1])
        assert await in_zones(tx, inside) == ({"b1"}, {"b1"}, {"b1"})


async def test_a_leaving_port_reads_none_of_the_others(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    mine: list[Transaction] = []
    execute = Transaction.execute

    async def counted(tx: Transaction, statement: Any, parameters: Any = None) -> Any:
        if tx in mine:
            values: Sequence[Any] = list(statement.compile().params.values())
            asked.append(sum(len(value) if isinstance(value, (list, tuple)) else 1 for value in values))
        return await execute(tx, statement, parameters)

    effort = []
    for many in (1, 40):
        async with region.write() as tx:
            _, (port,) = await network(tx, many, 1)
        asked.clear()
        with monkeypatch.context() as watched:
            watched.setattr(Transaction, "execute", counted)
            async with region.write() as tx:
                mine[:] = [tx]
                await leave(tx, port)
        effort.append((len(asked), sum(asked)))
    assert effort[0] == effort[1], "statements, and values in them"

"""Addresses on both databases: nobody gets another's, pools are used up exactly, and nothing walks through them."""

import asyncio
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Executable, insert
from sqlalchemy.engine import CursorResult

from tests.unit.network.network_rows import CIDR, NOW, SLAAC, caller, network, subnet
from vregion.model.refusals import Conflict, Invalid
from vregion.model.resource import Kind
from vregion.region import addresses, ports, resources, usages
from vregion.region.regions import Region, Transaction
from vregion.region.tables import addresses as table

WHO = caller()


async def test_a_pool_is_used_up_to_its_last_address_and_gaps_are_found(region: Region) -> None:
    async with region.write() as tx:
        on = await network(tx, WHO)
        await subnet(tx, WHO, on, ip_version=4, cidr="10.0.0.0/28")
        made = [await ports.create(tx, WHO, {"network_id": on.id}, NOW) for _ in range(13)]
        got = [port.spec["fixed_ips"][0]["ip_address"] for port in made]
        assert sorted(got, key=ip_address) == [f"10.0.0.{n}" for n in range(2, 15)]
        with pytest.raises(Conflict) as full:
            await ports.create(tx, WHO, {"network_id": on.id}, NOW)
        assert full.value.kind == "IpAddressGenerationFailure"
        for gap in (5, 9):
            await ports.delete(tx, WHO, made[gap].id, None, NOW)
        again = {
            (await ports.create(tx, WHO, {"network_id": on.id}, NOW)).spec["fixed_ips"][0]["ip_address"] for _ in "ab"
        }
        assert again == {got[5], got[9]}


async def test_many_at_once_share_nothing(region: Region) -> None:
    async with region.write() as tx:
        on = await network(tx, WHO)
        await subnet(tx, WHO, on, **CIDR)
        await subnet(tx, WHO, on, **SLAAC)

    async def one() -> list[str]:
        async with region.write() as tx:
            port = await ports.create(tx, WHO, {"network_id": on.id}, NOW)
            return [ip["ip_address"] for ip in port.spec["fixed_ips"]] + [port.spec["mac_address"]]

    made = await asyncio.gather(*(one() for _ in range(40)))
    every = [item for port in made for item in port]
    assert len(every) == len(set(every)) == 120
    async with region.read() as tx:
        limits = await usages.limits(tx, WHO.project_id)
        assert limits["port"][1] == 40
        assert limits["security_group"][1] == 1


async def test_a_chosen_address_has_one_owner(region: Region) -> None:
    async with region.write() as tx:
        on = await network(tx, WHO)
        await subnet(tx, WHO, on, **CIDR)
        wanted = {"network_id": on.id, "fixed_ips": [{"ip_address": "10.0.0.77"}]}
        first = await ports.create(tx, WHO, wanted, NOW)
        with pytest.raises(Conflict) as taken:
            await ports.create(tx, WHO, wanted, NOW)
        assert taken.value.kind == "IpAddressAlreadyAllocated"
        await ports.delete(tx, WHO, first.id, None, NOW)
        assert (await ports.create(tx, WHO, wanted, NOW)).spec["fixed_ips"] == first.spec["fixed_ips"]


class Counted(Transaction):
    """A transaction that counts its statements."""

    __slots__ = ("statements",)

    def __init__(self, tx: Transaction) -> None:
        super().__init__(tx.region_id, tx._connection)
        self.statements = 0

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        self.statements += 1
        return await super().execute(statement, parameters)


async def test_a_prefix_of_sixteen_million_asks_no_more(region: Region) -> None:
    async with region.write() as plain:
        tx = Counted(plain)
        on = await network(tx, WHO)
        wide = await subnet(tx, WHO, on, ip_version=4, cidr="10.0.0.0/8")
        tx.statements = 0
        assert await addresses.allocate(tx, wide, "first") == "10.0.0.2"
        alone = tx.statements
        await addresses.release(tx, "first")
        base = {"region_id": tx.region_id, "network_id": on.id, "subnet_id": wide.id}
        prefix = ip_network("10.0.0.0/8")
        rows = [{**base, "address": str(prefix[n]), "port_id": f"p{n}", "position": n} for n in range(2, 20_002)]
        for at in range(0, len(rows), 5000):
            await tx.execute(insert(table), rows[at : at + 5000])
        tx.statements = 0
        got = [await addresses.allocate(tx, wide, f"x{n}") for n in range(20)]
        assert got == [str(prefix[n]) for n in range(20_002, 20_022)]
        assert tx.statements == 20 * alone
        assert await addresses.take(tx, wide, "last", "10.255.255.254")
        tx.statements = 0
        assert await addresses.allocate(tx, wide, "probed") is not None
        assert tx.statements <= alone + 1


async def test_automatic_addresses_follow_the_mac_and_the_subnet(region: Region) -> None:
    async with region.write() as tx:
        on = await network(tx, WHO)
        port = await ports.create(tx, WHO, {"network_id": on.id, "mac_address": "fa:16:3e:01:02:03"}, NOW)
        assert port.spec["fixed_ips"] == []
        made = await subnet(tx, WHO, on, **SLAAC)
        await ports.address_automatically(tx, made, NOW)
        port = await resources.get(tx, Kind.PORT, port.id)
        assert port.spec["fixed_ips"] == [{"subnet_id": made.id, "ip_address": "fd00:1::f816:3eff:fe01:203"}]
        with pytest.raises(Invalid) as chosen:
            await ports.create(tx, WHO, {"network_id": on.id, "fixed_ips": [{"ip_address": "fd00:1::5"}]}, NOW)
        assert chosen.value.kind == "AllocationOnAutoAddressSubnet"
        await ports.forget_subnet(tx, made, NOW)
        assert (await resources.get(tx, Kind.PORT, port.id)).spec["fixed_ips"] == []
        assert not await addresses.used_by_port(tx, made.id)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(["make", "end", "choose", "move"]), st.integers(2, 6)), max_size=25))
async def test_rows_and_ports_agree_whatever_happens(region: Region, steps: list[tuple[str, int]]) -> None:
    async with region.write() as tx:
        on = await network(tx, WHO)
        small = await subnet(tx, WHO, on, ip_version=4, cidr="10.0.0.0/29")
    held: list[str] = []
    for step, number in steps:
        with suppress(Conflict):
            async with region.write() as tx:
                await _step(tx, on.id, held, step, number)
    async with region.read() as tx:
        found = await resources.find_many(tx, Kind.PORT, held)
        assert len(found) == len(held)
        owned = {ip["ip_address"]: port.id for port in found.values() for ip in port.spec["fixed_ips"]}
        assert len(owned) == len(held)
        for last in range(1, 8):
            address = f"10.0.0.{last}"
            assert await addresses.owner_of(tx, small.spec["network_id"], address) == owned.get(address)


async def _step(tx: Transaction, network_id: str, held: list[str], step: str, number: int) -> None:
    wish = [{"ip_address": f"10.0.0.{number}"}]
    if step == "make":
        held.append((await ports.create(tx, WHO, {"network_id": network_id}, NOW)).id)
    elif step == "choose":
        held.append((await ports.create(tx, WHO, {"network_id": network_id, "fixed_ips": wish}, NOW)).id)
    elif held and step == "end":
        await ports.delete(tx, WHO, held.pop(number % len(held)), None, NOW)
    elif held:
        await ports.update(tx, WHO, held[number % len(held)], {"fixed_ips": wish}, None, NOW)

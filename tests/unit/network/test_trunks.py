"""Trunks as rows, on both databases: whose ports they may have, quota, and what a boot is told about their networks."""

from typing import Any

import pytest

from tests.unit.network.network_rows import NOW, caller, network
from vregion.model.refusals import Conflict, NotFound, OverQuota
from vregion.model.resource import Kind, Resource
from vregion.region import ports, resources, trunks, usages
from vregion.region.regions import Region, Transaction

MINE, THEIRS = caller("p1"), caller("p2")


async def port(tx: Transaction, who: Any = MINE) -> Resource:
    return await ports.create(tx, who, {"network_id": (await network(tx, who)).id}, NOW)


def wanted(parent: Resource, *sub_ports: Resource) -> dict[str, Any]:
    under = [
        {"port_id": one.id, "segmentation_type": "vlan", "segmentation_id": 100 + n} for n, one in enumerate(sub_ports)
    ]
    return {"name": "", "admin_state_up": True, "port_id": parent.id, "sub_ports": under}


async def test_anothers_ports_and_trunks_are_not_found(region: Region) -> None:
    async with region.write() as tx:
        mine, theirs, sub = await port(tx), await port(tx, THEIRS), await port(tx)
        trunk = await trunks.create(tx, MINE, wanted(mine), NOW)
        given = wanted(theirs, sub)["sub_ports"]
        for refused in (
            trunks.get(tx, THEIRS, trunk.id),
            trunks.delete(tx, THEIRS, trunk.id, None, NOW),
            trunks.add_subports(tx, THEIRS, trunk.id, given, [], NOW),
            trunks.add_subports(tx, MINE, trunk.id, wanted(mine, theirs)["sub_ports"], [], NOW),
            trunks.create(tx, THEIRS, wanted(theirs, sub), NOW),
            trunks.create(tx, THEIRS, wanted(sub), NOW),
        ):
            with pytest.raises(NotFound):
                await refused


async def test_a_port_is_in_one_trunk_and_free_after_it(region: Region) -> None:
    async with region.write() as tx:
        parent, sub, other = await port(tx), await port(tx), await port(tx)
        trunk = await trunks.create(tx, MINE, wanted(parent, sub), NOW)
        for again in (wanted(parent), wanted(sub), wanted(other, sub), wanted(other, parent)):
            with pytest.raises(Conflict):
                await trunks.create(tx, MINE, again, NOW)
        behind = await trunks.networks_behind(tx, parent.id)
        assert [one.id for one in behind] == [sub.spec["network_id"]]
        assert await trunks.networks_behind(tx, sub.id) == []
        await trunks.delete(tx, MINE, trunk.id, None, NOW)
        assert await resources.find(tx, Kind.TRUNK, trunk.id) is None
        assert "trunk_details" not in ports.document(await resources.get(tx, Kind.PORT, parent.id))
        await trunks.create(tx, MINE, wanted(sub, parent), NOW)
        assert (await usages.limits(tx, "p1"))["trunk"] == (-1, 1)


async def test_a_limit_of_trunks_holds(region: Region) -> None:
    async with region.write() as tx:
        await usages.set_limits(tx, "p1", {"trunk": 1})
        await trunks.create(tx, MINE, wanted(await port(tx)), NOW)
        with pytest.raises(OverQuota, match="Quota exceeded for resources: \\['trunk'\\]"):
            await trunks.create(tx, MINE, wanted(await port(tx)), NOW)

"""What is left of a deleted server, and for how long."""

from datetime import timedelta

import orjson
import pytest

from tests.unit.compute.test_servers import ME, NOW, booted, used
from vregion.model.refusals import NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import census, deleted_servers, resources, servers
from vregion.region.regions import Region, Transaction


async def deleted(tx: Transaction) -> Resource:
    """A server that was booted and deleted."""
    (server,) = await booted(tx)
    await servers.delete(tx, ME, server, NOW)
    await servers.vanished(tx, await servers.get(tx, server.id, None))
    await resources.remove(tx, Kind.SERVER, server.id)
    return server


async def test_it_is_shown_as_deleted_and_told_nothing_more(region: Region) -> None:
    async with region.write() as tx:
        server = await deleted(tx)
        grave = await resources.get(tx, Kind.DELETED_SERVER, server.id)
    shown = orjson.loads(grave.document)
    states = ("vm_state", "task_state", "power_state")
    assert [shown[f"OS-EXT-STS:{name}"] for name in states] == ["deleted", None, 0]
    assert (shown["status"], grave.status, grave.name) == ("DELETED", "DELETED", server.name)
    assert (shown["id"], shown["addresses"], shown["flavor"]) == (server.id, {}, server.spec["flavor"])
    assert shown["OS-SRV-USG:terminated_at"]
    assert {"adminPass", "personality", "user_data", "volumes", "networks", "reserved"}.isdisjoint(grave.spec)


async def test_nobody_meets_it_but_who_asks_for_it(region: Region) -> None:
    async with region.write() as tx:
        server = await deleted(tx)
        assert (await used(tx))["instances"] == 0
        with pytest.raises(NotFound):
            await servers.get(tx, server.id, None)
        assert await resources.list_resources(tx, resources.Query(Kind.SERVER)) == []
        both = resources.Query(Kind.SERVER, ME.project_id, also=Kind.DELETED_SERVER)
        assert [one.id for one in await resources.list_resources(tx, both)] == [server.id]
    assert not [words for words in await census.in_region(region) if server.id in words]


async def test_it_goes_after_a_week(region: Region) -> None:
    async with region.write() as tx:
        server = await deleted(tx)
        at = (await resources.get(tx, Kind.DELETED_SERVER, server.id)).updated_at
        await deleted_servers.purge(tx, at + deleted_servers.KEPT)
        assert await resources.find(tx, Kind.DELETED_SERVER, server.id) is not None
        await deleted_servers.purge(tx, at + deleted_servers.KEPT + timedelta(seconds=1))
        assert await resources.find(tx, Kind.DELETED_SERVER, server.id) is None

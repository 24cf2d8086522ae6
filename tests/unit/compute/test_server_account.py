"""What the provider is told of a server: its place, and why each decision was taken, also when it is gone."""

import pytest

from tests.unit.region.rows import NOON, resource
from vregion.model.caller import Caller
from vregion.model.refusals import NotFound
from vregion.model.resource import Kind
from vregion.region import actions, realizations, resources, server_account
from vregion.region.regions import Region

CALLER = Caller("u1", "p1", "d1", "r", frozenset({"member"}), "req-1")


async def test_it_is_somewhere_for_a_reason(region: Region) -> None:
    server = resource(Kind.SERVER, name="web", status="ACTIVE", availability_zone="az1", backend_id="b1")
    async with region.write() as tx:
        await resources.insert_resource(tx, server)
        await realizations.want(tx, Kind.SERVER, server.id, "b1", NOON)
        chosen = actions.event("schedule_servers", NOON, done=True, details="zone az1: named in the request")
        building = actions.event("compute__do_build_and_run_instance", NOON)
        await actions.begin(tx, CALLER, [server], "create", NOON, [chosen, building])
    told = await server_account.account(region, server.id)
    assert (told["name"], told["availability_zone"]) == ("web", "az1")
    assert told["places"] == [{"backend_id": "b1", "state": "pending", "wanted": True, "reason": None}]
    assert [(step["action"], step["why"]) for step in told["decisions"]] == [
        ("create", "zone az1: named in the request")
    ]
    async with region.write() as tx:
        await actions.finish(tx, server.id, NOON, "no room")
        await resources.remove(tx, Kind.SERVER, server.id)
    told = await server_account.account(region, server.id)
    assert (told["status"], told["name"]) == ("DELETED", None)
    assert {step["why"] for step in told["decisions"]} == {"zone az1: named in the request", "no room"}


async def test_one_that_never_was_is_not_found(region: Region) -> None:
    with pytest.raises(NotFound):
        await server_account.account(region, "nothing")

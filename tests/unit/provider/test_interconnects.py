"""Interconnects by the provider's API and command line: what is kept, shown and refused."""

import uuid
from typing import Any

import pytest

from tests.unit.provider.conftest import CREDENTIAL, Cloud, Regions
from tests.unit.provider.test_cli import Run, _json
from tests.unit.provider.test_cli import environ as environ
from tests.unit.provider.test_cli import run as run
from tests.unit.provider.test_provider_api import SECRET, Served
from tests.unit.provider.test_provider_api import admin_token as admin_token
from tests.unit.provider.test_provider_api import served as served
from vregion.directory import backends as backend_rows
from vregion.directory import bindings, tenants
from vregion.directory.tenants import Tenant
from vregion.model.backend import Binding
from vregion.provider import backends
from vregion.provider.provider import Provider

MEMBERS = [{"backend": "north", "physical_network": "p1"}, {"backend": "south", "physical_network": "p2"}]
WAN: dict[str, Any] = {"name": "wan", "members": MEMBERS, "segments": {"first": 100, "last": 199}}


@pytest.fixture
async def two(provider: Provider, cloud: Cloud) -> Provider:
    """Backends north and south, and plain, whose credential is no administrator's."""
    for name in ("north", "south", "plain"):
        await backends.add(provider, cloud(name)[0], CREDENTIAL)
    plain = await provider.backend("plain")
    await backend_rows.record(provider.directory, plain.id, "ready", {"capabilities": ["network.provider"]})
    return provider


async def test_over_http(served: Served, two: Provider) -> None:
    status, made = await served.ask("POST", "/interconnects", WAN)
    shown = {
        "name": "wan",
        "kind": "vlan",
        "members": MEMBERS,
        "segments": {"first": 100, "last": 199, "used": 0},
        "mtu": 1500,
        "transit_prefix": "100.64.0.0/16",
    }
    made["members"].sort(key=lambda member: member["backend"])
    assert (status, made) == (201, shown)
    assert (await served.ask("POST", "/interconnects", WAN))[0] == 409
    assert await two.directory.segment("wan", "some-region", "network n1") == 100
    _, listed = await served.ask("GET", "/interconnects")
    assert [(one["name"], one["segments"]["used"]) for one in listed["interconnects"]] == [("wan", 1)]
    _, one = await served.ask("GET", "/interconnects/wan")
    assert one["carries"] == ["some-region/network n1 (100)"]
    status, refused = await served.ask("DELETE", "/interconnects/wan")
    assert status == 409
    assert "some-region/network n1 (100)" in refused["error"]["message"]
    status, refused = await served.ask("DELETE", "/backends/north")
    assert (status, "joined by interconnects: wan" in refused["error"]["message"]) == (409, True)
    await two.directory.free_segments("some-region", "network n1")
    assert (await served.ask("DELETE", "/interconnects/wan"))[0] == 204
    assert (await served.ask("GET", "/interconnects/wan"))[0] == 404
    assert (await served.ask("DELETE", "/interconnects/wan"))[0] == 404


async def written(provider: Provider, name: str, zones: tuple[str, ...]) -> str:
    """A tenant with these backends as zones in use, by rows alone; the id of his region."""
    region_id = str(uuid.uuid4())
    made = Tenant(region_id, f"{name}-{region_id}", region_id, "open", tenants.now())
    await tenants.add(provider.directory, made)
    for zone in zones:
        backend = await provider.backend(zone)
        new = Binding(str(uuid.uuid4()), region_id, zone, backend.id, "enabled", default=False)
        await bindings.add(provider.directory, new, given=True)
    return region_id


@pytest.mark.parametrize(
    ("wrong", "status", "words"),
    [
        ({"kind": "string"}, 400, "no kind of interconnect string"),
        ({"segments": {"first": 9, "last": 3}}, 400, "ends before"),
        ({"segments": {"first": 9, "last": 4095}}, 400, "1 to 4094"),
        ({"transit_prefix": "8.8.8.0/24"}, 400, "no prefix for transit"),
        ({"transit_prefix": "10.0.0.1/24"}, 400, "host bits"),
        ({"transit_prefix": "10.0.0.0/29"}, 400, "no prefix for transit"),
        ({"mtu": 100}, 400, "mtu"),
        ({"members": MEMBERS[:1]}, 400, "members"),
        ({"members": [MEMBERS[0], MEMBERS[0]]}, 400, "named twice"),
        ({"members": [MEMBERS[0], MEMBERS[1] | {"backend": "west"}]}, 404, "no backend west"),
        ({"members": [MEMBERS[0], MEMBERS[1] | {"backend": "plain"}]}, 409, "no administrator's"),
    ],
)
async def test_what_is_refused(served: Served, two: Provider, wrong: dict[str, Any], status: int, words: str) -> None:
    answered, body = await served.ask("POST", "/interconnects", WAN | wrong)
    assert (answered, words in body["error"]["message"]) == (status, True), body
    assert await two.directory.interconnects() == {}


async def test_by_the_command_line(run: Run, two: Provider) -> None:
    add = ("interconnect", "add", "wan", "--member", "north=p1", "--member", "south=p2", "--segments")
    assert "FIRST-LAST" in str((await run(*add, "100")).exception)
    made = await _json(run, *add, "100-199", "--mtu", "9000", "--transit-prefix", "100.65.0.0/16")
    assert isinstance(made, dict)
    assert (made["mtu"], made["transit_prefix"], made["segments"]["last"]) == (9000, "100.65.0.0/16", 199)
    assert "wan" in (await run("interconnect", "list")).stdout
    assert "carries" in (await run("interconnect", "show", "wan")).stdout
    assert (await run("interconnect", "remove", "wan")).exit_code == 0
    assert await _json(run, "interconnect", "list") == []


async def test_a_tenants_topology(run: Run, two: Provider, regions: Regions, name: str) -> None:
    await run(
        "tenant", "open", name, "--zone", "az1=north", "--zone", "az2=south", "--password-file", "-", stdin=SECRET
    )
    north = (await two.backend("north")).id
    place = {"backend_id": north, "state": "creating", "wanted": True, "reason": "no room"}
    regions.drawn = {"unsettled": [{"kind": "network", "id": "n1", "name": "front", **place}]}
    assert "not settled: network front in az1: creating: no room" in (await run("tenant", "topology", name)).stdout
    regions.drawn["unsettled"][0] |= place
    assert (await run("tenant", "topology", name, "--svg")).stdout.startswith("<svg ")
    regions.drawn["unsettled"][0] |= place
    assert (await run("tenant", "topology", name, "--dot")).stdout.startswith("graph ")
    regions.drawn = {}
    told = await _json(run, "tenant", "topology", name)
    assert isinstance(told, dict)
    assert [zone["backend"] for zone in told["zones"]] == ["north", "south"]


async def test_why_a_server_is_where_it_is(run: Run, two: Provider, regions: Regions, name: str) -> None:
    await run("tenant", "open", name, "--zone", "az1=north", "--password-file", "-", stdin=SECRET)
    place = {"backend_id": (await two.backend("north")).id, "state": "ready", "wanted": True, "reason": None}
    why = {"action": "create", "event": "schedule_servers", "why": "zone az1: the tenant's default"}
    regions.servers["s1"] = {"id": "s1", "places": [place], "decisions": [why]}
    told = await _json(run, "tenant", "server", name, "s1")
    assert isinstance(told, dict)
    assert (told["places"][0]["backend"], told["decisions"]) == ("north", [why])
    lacking = await run("tenant", "server", name, "s2")
    assert (lacking.exit_code, "There is no server s2." in str(lacking.exception)) == (1, True)


async def test_limits_of_a_tenants_images(run: Run, two: Provider, regions: Regions, name: str) -> None:
    await run("tenant", "open", name, "--zone", "az1=north", "--password-file", "-", stdin=SECRET)
    told = await _json(run, "tenant", "limits", name, "image_size_total=100", "image_count_uploading=-1")
    assert told == {"image_size_total": 100, "image_count_uploading": -1}
    assert await _json(run, "tenant", "limits", name) == told
    assert await _json(run, "tenant", "limits", name, "image_stage_total=7", "--project", "p") == {
        "image_stage_total": 7
    }
    assert regions.limits == {"": told, "p": {"image_stage_total": 7}}
    assert "image_tags" in str((await run("tenant", "limits", name, "image_tags=1")).exception)
    assert (await run("tenant", "limits", name, "image_size_total=-2")).exit_code == 1


async def test_the_tenants_whose_zones_it_joins_look_at_their_routers(
    served: Served, two: Provider, regions: Regions
) -> None:
    joined = await written(two, "joined", ("north", "south", "plain"))
    for name, zones in (("alone", ("north",)), ("apart", ("south", "plain"))):
        await written(two, name, zones)
    await served.ask("POST", "/interconnects", WAN)
    assert regions.joined == [joined]
    assert (await served.ask("POST", "/interconnects", WAN))[0] == 409
    assert regions.joined == [joined] * 2, "the same call completes one that was interrupted"

"""Interconnects and their segments, on both databases: what joins which zones, and that no number has two owners."""

import asyncio
import json
import subprocess
import sys
import uuid

import pytest

from vregion.directory import backends, bindings, interconnects, tenants
from vregion.directory.directory import Directory
from vregion.directory.tenants import Tenant, now
from vregion.model.backend import Backend, Binding, Credential
from vregion.model.interconnect import Interconnect, Join
from vregion.settings import Settings

REGION = "11111111-1111-1111-1111-111111111111"
# What a node's reconcilers do, in a process of their own: many owners, some of them known to every process.
WORKER = """
import asyncio, json, sys
from vregion.directory.directory import Directory
from vregion.settings import Settings

async def main(state, url, name, number):
    directory = await Directory.open(Settings(state_dir=state, database_url=url))
    owners = [f"network {number}-{i}" for i in range(15)] + [f"network all-{i}" for i in range(5)]
    got = {owner: await directory.segment(name, "r", owner) for owner in owners}
    await directory.close()
    print(json.dumps(got))

from pathlib import Path
asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]))
"""


async def _backends(directory: Directory, *names: str) -> list[str]:
    made = [Backend(str(uuid.uuid4()), name, "memory", f"memory://{name}", "") for name in names]
    for backend in made:
        assert await backends.add(directory, backend, Credential({"project": "p"}), {})
    return [backend.id for backend in made]


def wan(
    members: list[str], name: str = "wan", first: int = 100, last: int = 102, network: str = "phys"
) -> Interconnect:
    return Interconnect(name, "vlan", dict.fromkeys(members, network), first, last, 1500, "100.64.0.0/16")


async def test_what_is_written_is_read_and_nothing_overlaps(directory: Directory) -> None:
    north, south, west = await _backends(directory, "north", "south", "west")
    one = wan([north, south])
    assert await interconnects.add(directory, one) is None
    assert await directory.interconnects() == {"wan": one}
    assert "already" in str(await interconnects.add(directory, one))
    assert "same physical network" in str(await interconnects.add(directory, wan([south, west], "lan", 102, 110)))
    assert "being removed" in str(await interconnects.add(directory, wan([west, "gone"], "lan", 200, 201)))
    for other in (wan([south, west], "lan", 103, 110), wan([south, west], "man", 100, 110, "other")):
        assert await interconnects.add(directory, other) is None
    with pytest.raises(ValueError, match="an interconnect joins"):
        await backends.remove(directory, west)
    for name in ("wan", "lan", "man"):
        assert await interconnects.remove(directory, name)
    assert await directory.interconnects() == {}
    await backends.remove(directory, west)


async def test_segments_are_given_once_and_come_back(directory: Directory) -> None:
    await interconnects.add(directory, wan(await _backends(directory, "north", "south")))
    assert [await directory.segment("wan", REGION, f"network {n}") for n in "abc"] == [100, 101, 102]
    assert await directory.segment("wan", REGION, "network b") == 101
    assert await directory.segment("wan", "another-region", "network b") is None
    assert not await interconnects.remove(directory, "wan")
    await directory.free_segments(REGION, "network b")
    await directory.free_segments(REGION, "network b")
    assert await directory.segment("wan", "another-region", "network b") == 101
    await directory.free_segments(REGION, "network a")
    assert await directory.segment("wan", REGION, "network d") == 100
    assert [(s.number, s.owner) for s in await interconnects.used(directory, "wan")] == [
        (100, "network d"),
        (101, "network b"),
        (102, "network c"),
    ]
    assert await interconnects.counts(directory) == {"wan": 3}
    with pytest.raises(LookupError):
        await directory.segment("gone", REGION, "network a")


async def test_a_tenant_who_goes_leaves_no_segment(directory: Directory) -> None:
    await interconnects.add(directory, wan(await _backends(directory, "north", "south")))
    await tenants.add(directory, Tenant(REGION, "acme", uuid.uuid4().hex, "closing", now()))
    await directory.segment("wan", REGION, "network a")
    await directory.segment("wan", "another-region", "network a")
    await tenants.remove(directory, REGION)
    assert [s.region_id for s in await interconnects.used(directory, "wan")] == ["another-region"]


async def test_giving_out_segments_makes_nobody_forget(directory: Directory) -> None:
    await interconnects.add(directory, wan(await _backends(directory, "north", "south")))
    before = await directory.interconnects()
    await directory.segment("wan", REGION, "network a")
    assert await directory.interconnects() is before


async def test_concurrent_processes_never_share_a_segment(directory: Directory, settings: Settings) -> None:
    await interconnects.add(directory, wan(await _backends(directory, "north", "south"), last=164))

    def worker(number: int) -> dict[str, int]:
        command = [sys.executable, "-c", WORKER, str(settings.state_dir), settings.database_url, "wan", str(number)]
        return dict(json.loads(subprocess.run(command, check=True, capture_output=True, timeout=120).stdout))

    told = await asyncio.gather(*(asyncio.to_thread(worker, number) for number in range(4)))
    owners = {owner: number for one in told for owner, number in one.items()}
    assert all(one[owner] == owners[owner] for one in told for owner in one)  # who asks twice gets the same
    assert sorted(owners.values()) == list(range(100, 165))
    assert await directory.segment("wan", "r", "network late") is None


async def test_a_zone_is_joined_with_the_others_of_its_region(directory: Directory) -> None:
    north, south, west = await _backends(directory, "north", "south", "west")
    await interconnects.add(directory, wan([north, south], "a-two"))
    await interconnects.add(directory, wan([north, south, west], "three", 200, 201))
    acme = await tenants.add(directory, Tenant(REGION, "acme", uuid.uuid4().hex, "open", now()))
    for zone, backend_id in (("az1", north), ("az2", south), ("az3", west)):
        bound = await bindings.add(
            directory, Binding(str(uuid.uuid4()), acme.region_id, zone, backend_id, "opening", False), given=True
        )
        assert bound is not None
        await bindings.enable(directory, bound.id, Credential({"project": "p"}), given=True)
        if zone == "az1":
            (only,) = await directory.bindings(acme.region_id)
            assert only.joins == ()  # there is nothing to be joined with
    joined = {b.availability_zone: b.joins for b in await directory.bindings(acme.region_id)}
    three = Join("three", 1500, frozenset({"az1", "az2", "az3"}))
    two = Join("a-two", 1500, frozenset({"az1", "az2"}))
    assert joined == {"az1": (three, two), "az2": (three, two), "az3": (three,)}

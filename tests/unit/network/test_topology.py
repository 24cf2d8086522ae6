"""What a region tells of its networks over zones, and the three forms in which the provider sees it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest_asyncio

from tests.reconcile.world import World
from tests.unit.network.network_rows import CIDR, NOW, caller, network, subnet
from vregion.model.resource import Kind
from vregion.provider import topology as views
from vregion.reconcile.recipes import RECIPES
from vregion.region import ports, topology

WHO = caller("project")
ZONES = [
    {"zone": "az1", "backend": "north", "state": "enabled"},
    {"zone": "az2", "backend": "south <2>", "state": "enabled"},
]


@pytest_asyncio.fixture
async def told(tmp_path: Path) -> AsyncIterator[dict[str, Any]]:
    """A network over both zones, of which the second refuses ports; as the provider's operation hands it out."""
    async with World(tmp_path, RECIPES) as world:
        world.joined.join()
        world.clouds["b2"].quotas[Kind.PORT] = 0
        async with world.region.write() as tx:
            on = await network(tx, WHO, name='fr"ont')
            await subnet(tx, WHO, on, **CIDR)
            for backend_id in ("b1", "b2"):
                bound = world.binding(backend_id)
                await ports.plug(tx, WHO, {"uuid": on.id}, f"s-{backend_id}", WHO.project_id, bound, [], NOW)
            await network(tx, WHO, name="idle")
        await world.turn()
        found = await topology.topology(world.region)
        for place in views._all_places(found):
            place["zone"] = place.pop("backend_id").replace("b", "az")
        yield {"tenant": "acme", "zones": ZONES, **found}


async def test_what_is_where_joined_by_what_and_not_converged_why(told: dict[str, Any]) -> None:
    idle, front = sorted(told["networks"], key=lambda one: str(one["name"]), reverse=True)
    assert (front["interconnect"], front["segment"], front["mtu"]) == ("wan", 100, 1500)
    assert [(place["zone"], place["state"]) for place in front["places"]] == [("az1", "ready"), ("az2", "ready")]
    assert [one["cidr"] for one in front["subnets"]] == ["10.0.0.0/24"]
    assert sorted([p["state"] for p in port["places"]] for port in front["ports"]) == [["error"], ["ready"]]
    assert (idle["places"], idle["ports"], idle["interconnect"]) == ([], [], None)
    ((kind, zone, reason),) = [(one["kind"], one["zone"], one["reason"]) for one in told["unsettled"]]
    assert (kind, zone, "Quota exceeded" in reason) == ("port", "az2", True)


async def test_as_text(told: dict[str, Any]) -> None:
    lines = views.text(told).splitlines()
    assert lines[0] == "acme: az1 on north (enabled), az2 on south <2> (enabled)"
    assert 'network fr"ont  10.0.0.0/24  over wan, segment 100' in lines
    assert any("10.0.0.2" in line and line.endswith("ready") for line in lines)
    assert any(line.startswith("not settled: port ") and "Quota exceeded" in line for line in lines)


async def test_as_a_picture(told: dict[str, Any]) -> None:
    picture = views.svg(told)
    root = ElementTree.fromstring(picture)
    words = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "az2 on south <2>" in words
    assert sum('fr"ont' in text for text in words) == 2  # once in each zone
    assert any("Quota exceeded" in text for text in words)
    assert len(list(root.iter("{http://www.w3.org/2000/svg}line"))) == 1  # the interconnect
    assert views.BAD in picture


async def test_for_graphviz(told: dict[str, Any]) -> None:
    graph = views.dot(told)
    assert graph.count("subgraph") == 2
    assert graph.count("style=bold") == 1
    assert '\\"ont' in graph
    assert graph.count("{") == graph.count("}")

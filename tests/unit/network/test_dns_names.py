"""What a port is called, and what its zone is told of it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
import requests

from tests.reconcile.world import World
from tests.running import Running
from tests.stories.furniture import furnish
from tests.unit.network.network_rows import CIDR, NOW, caller, network, subnet
from vregion.model.refusals import Conflict
from vregion.model.resource import Kind
from vregion.provider import backends
from vregion.reconcile.recipes import RECIPES
from vregion.region import dns_names, ports, resources
from vregion.region.regions import Transaction

WHO = caller("project")
ABLE = frozenset({dns_names.CAPABILITY})


@pytest_asyncio.fixture(params=[ABLE, frozenset({"network.qos"})], ids=["names", "none"])
async def world(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """A world whose clouds have names of ports, and one whose clouds have none."""
    async with World(tmp_path, RECIPES) as made:
        made.capabilities = request.param
        made.cloud.has_names = request.param == ABLE
        yield made


names_only = pytest.mark.parametrize("world", [ABLE], indirect=True, ids=["names"])


def there(world: World) -> dict[str, Any]:
    (row,) = world.cloud.of(Kind.PORT)
    return row.document


async def named(tx: Transaction, port_id: str) -> list[str]:
    """What its tenant sees: the name, and the whole name of each address."""
    shown = orjson.loads((await resources.get(tx, Kind.PORT, port_id)).document)
    return [shown["dns_name"], *(one["fqdn"] for one in shown["dns_assignment"])]


async def test_a_servers_port_has_its_name_and_the_zones_domain(world: World) -> None:
    """The zone's Nova gives the name, not we; who has the name of another server's port is told by Nova."""
    domain = f"{world.cloud.name}.example." if world.cloud.has_names else dns_names.DOMAIN
    async with world.region.write() as tx:
        on = await network(tx, WHO)
        await subnet(tx, WHO, on, **CIDR)
        asked = {"uuid": on.id, "host_name": "web-1"}
        port = await ports.plug(tx, WHO, asked, "s1", WHO.project_id, world.binding(), [], NOW)
        assert await named(tx, port.id) == ["web-1", f"web-1.{dns_names.DOMAIN}"]
    await world.turn()
    assert there(world)["dns_name"] == ""
    async with world.region.write() as tx:
        assert await named(tx, port.id) == ["web-1", f"web-1.{domain}"]


async def test_the_tenants_name_reaches_the_zone_and_goes_with_the_server(world: World) -> None:
    async with world.region.write() as tx:
        on = await network(tx, WHO)
        await subnet(tx, WHO, on, **CIDR)
        port = await ports.create(tx, WHO, {"network_id": on.id, "dns_name": "web"}, NOW)
        asked, bound = {"port": port.id, "host_name": "web"}, world.binding()
        if not world.cloud.has_names:
            with pytest.raises(Conflict, match="availability zone az1 has no names of ports"):
                await ports.plug(tx, WHO, asked, "s1", WHO.project_id, bound, [], NOW)
            bound = replace(bound, capabilities=frozenset())  # nobody knows: the zone is not told, and not refused
        await ports.plug(tx, WHO, asked, "s1", WHO.project_id, bound, [], NOW)
    await world.turn()
    assert there(world)["dns_name"] == ("web" if world.cloud.has_names else "")
    async with world.region.write() as tx:
        await ports.unplug(tx, await resources.get(tx, Kind.PORT, port.id), NOW)
        assert (await named(tx, port.id))[0] == ""
    await world.turn()
    assert there(world)["dns_name"] == ""


@names_only
async def test_a_plugged_port_is_renamed_and_its_name_taken_away(world: World) -> None:
    async with world.region.write() as tx:
        on = await network(tx, WHO)
        await subnet(tx, WHO, on, **CIDR)
        asked = {"uuid": on.id, "host_name": "web-1"}
        port = await ports.plug(tx, WHO, asked, "s1", WHO.project_id, world.binding(), [], NOW)
    await world.turn()
    there(world)["dns_name"] = "web-1"  # as its Nova does
    for name in ("db", ""):
        async with world.region.write() as tx:
            await ports.update(tx, WHO, port.id, {"dns_name": name}, None, NOW)
        await world.turn()
        assert there(world)["dns_name"] == name
        async with world.region.read() as tx:
            assert await named(tx, port.id) == [name, f"{name or 'host-10-0-0-2'}.{world.cloud.name}.example."]


def test_no_name_is_given_where_none_is_known(tmp_path: Path) -> None:
    """By HTTP: to a port that is in a zone already."""
    running = Running(tmp_path).start()
    try:
        running.clouds["az1"].has_names = False
        running.run(backends.check(running.application.provider, "cloud-az1"))
        paths = {"COMPUTE": "compute/v2.1", "NETWORK": "network/v2.0", "IMAGE": "image/v2"}
        words = {word: f"{running.url}/{path}" for word, path in paths.items()} | {"TOKEN": running.tokens["member"]}
        things = furnish(words)

        def send(method: str, url: str, body: Any) -> dict[str, Any]:
            headers = {"X-Auth-Token": running.tokens["member"]}
            return dict(requests.request(method, url, json=body, headers=headers, timeout=60).json())

        port = send("POST", f"{words['NETWORK']}/ports", {"port": {"network_id": things["NETWORK_ID"]}})["port"]["id"]
        asked = {"name": "web", "flavorRef": "1", "imageRef": things["IMAGE_ID"], "networks": [{"port": port}]}
        assert "server" in send("POST", f"{words['COMPUTE']}/servers", {"server": asked})
        url = f"{words['NETWORK']}/ports/{port}"
        refused = send("PUT", url, {"port": {"dns_name": "db"}})["NeutronError"]
        assert refused["message"] == f"Port {port} has a dns_name, and availability zone az1 has no names of ports."
        assert send("PUT", url, {"port": {"dns_name": ""}})["port"]["dns_name"] == ""
    finally:
        running.stop()

"""The provider's operations with clouds in memory and a real Keystone: what they make, refuse, and leave behind."""

from dataclasses import replace

import pytest

from tests.embedded_keystone import RunningKeystone
from tests.unit.provider.conftest import CREDENTIAL, Cloud, Regions
from vregion.directory.flavors import Flavor
from vregion.drivers.contract import Permanent, Transient
from vregion.identity.client import IdentityRefused
from vregion.model.backend import Credential
from vregion.model.refusals import Conflict, Invalid, NotFound, Unavailable
from vregion.model.resource import Kind
from vregion.provider import backends, flavors, tenants, zones
from vregion.provider.provider import Provider
from vregion.provider.zones import Zone

TINY = Flavor("f1", "vregion.tiny", 1, 512, 1)  # the clouds in memory have it under another name
HUGE = Flavor("f2", "vregion.huge", 64, 65536, 100, extra_specs={"hw:cpu_policy": "dedicated"})


async def test_a_backend_is_checked_before_it_is_kept(provider: Provider, cloud: Cloud) -> None:
    north, memory = cloud("north")
    memory.faults.down = True
    with pytest.raises(Unavailable, match="north does not answer: connection refused"):
        await backends.add(provider, north, CREDENTIAL)
    assert await backends.all_found(provider) == []
    memory.faults.down = False
    found = await backends.add(provider, north, CREDENTIAL)
    assert found.checked.state == "ready"
    assert {"compute", "network", "image"} <= found.checked.report["services"].keys()
    assert "project.open" in found.checked.report["capabilities"]
    assert (await provider.directory.backend_credential(north.id)).values == CREDENTIAL.values
    with pytest.raises(Conflict):
        await backends.add(provider, replace(north, id="another"), CREDENTIAL)
    with pytest.raises(Invalid, match="no driver tape; there are: memory"):
        await backends.add(provider, replace(north, name="t", driver="tape"), CREDENTIAL)


async def test_a_check_of_a_silent_backend_keeps_what_was_known(provider: Provider, cloud: Cloud) -> None:
    north, memory = cloud("north")
    known = await backends.add(provider, north, CREDENTIAL)
    memory.faults.down = True
    found = await backends.check(provider, "north")
    assert found.checked.state == "unreachable"
    assert "connection refused" in found.checked.report["reason"]
    assert found.checked.report["services"] == known.checked.report["services"]
    memory.faults.down = False
    memory.quotas[Kind.SERVER] = 7
    found = await backends.check(provider, "north")
    assert found.checked.state == "ready"
    assert 7 in found.checked.report["limits"].values()
    assert "reason" not in found.checked.report


async def test_a_tenant_is_opened_with_a_zone_in_every_backend(
    provider: Provider, cloud: Cloud, keystone: RunningKeystone, name: str
) -> None:
    for north in ("north", "south"):
        await backends.add(provider, cloud(north)[0], CREDENTIAL)
    opened = await tenants.open_(provider, name)
    served = await provider.directory.region_of_domain(opened.tenant.domain_id)
    assert served is not None
    assert served.region_id == opened.tenant.region_id
    bound = await provider.directory.bindings(served.region_id)
    assert [(b.availability_zone, b.state, b.default) for b in bound] == [
        ("north", "enabled", True),
        ("south", "enabled", False),
    ]
    projects = {(await provider.directory.credential(b.id)).values["project"] for b in bound}
    assert len(projects) == 2
    signed_in = {"methods": ["password"], "password": {"user": {"id": opened.admin_id, "password": opened.password}}}
    token = await keystone.sign_in(signed_in, {"project": {"id": opened.project_id}})
    assert (await provider.identity.validate(token)).domain_id is None
    with pytest.raises(Conflict, match="already; he is open"):
        await tenants.open_(provider, name)


async def test_a_wrong_backend_is_refused_before_anything_is_made(provider: Provider, name: str) -> None:
    with pytest.raises(NotFound, match="no backend nowhere"):
        await tenants.open_(provider, name, wanted=[Zone("az1", "nowhere")])
    with pytest.raises(NotFound):
        await provider.tenant(name)


async def test_a_domain_of_somebody_else_is_never_taken(
    provider: Provider, keystone: RunningKeystone, name: str
) -> None:
    other = await keystone.open_tenant(name)
    with pytest.raises(Conflict, match="another domain"):
        await tenants.open_(provider, name)
    with pytest.raises(NotFound):
        await provider.tenant(name)
    assert (await provider.identity.request("GET", f"/domains/{other.domain_id}"))["domain"]["enabled"]


async def test_an_opening_that_a_dead_zone_stopped_goes_on_later(
    provider: Provider, cloud: Cloud, keystone: RunningKeystone, name: str
) -> None:
    (north, alive), (south, dead) = cloud("north"), cloud("south")
    for backend in (north, south):
        await backends.add(provider, backend, CREDENTIAL)
    dead.faults.down = True
    with pytest.raises(Unavailable, match="south"):
        await tenants.open_(provider, name, "first-password")
    half = await provider.tenant(name)
    assert half.state == "opening"
    assert await provider.directory.region_of_domain(half.domain_id) is None
    dead.faults.down = False
    opened = await tenants.open_(provider, name, "second-password")
    assert (opened.tenant.region_id, opened.tenant.domain_id) == (half.region_id, half.domain_id)
    assert len(alive.projects) == len(dead.projects) == 1
    signed_in = {"methods": ["password"], "password": {"user": {"id": opened.admin_id, "password": "second-password"}}}
    assert await keystone.sign_in(signed_in, {"project": {"id": opened.project_id}})


async def test_closing_leaves_nothing(provider: Provider, cloud: Cloud, regions: Regions, name: str) -> None:
    north, memory = cloud("north")
    await backends.add(provider, north, CREDENTIAL)
    opened = (await tenants.open_(provider, name)).tenant
    regions.held[opened.region_id, None] = ["server web1"]
    with pytest.raises(Conflict, match="still has: server web1"):
        await tenants.close(provider, name)
    assert await provider.directory.region_of_domain(opened.domain_id) is not None
    regions.held.clear()
    memory.faults.fail_next(None, "project_close", Transient("lost"))
    with pytest.raises(Unavailable):
        await tenants.close(provider, name)
    assert (await provider.tenant(name)).state == "closing"
    assert await provider.directory.region_of_domain(opened.domain_id) is None
    await tenants.close(provider, name)
    assert memory.projects == {}
    assert regions.forgotten == [opened.region_id]
    with pytest.raises(IdentityRefused, match="404"):
        await provider.identity.request("GET", f"/domains/{opened.domain_id}")
    with pytest.raises(NotFound):
        await tenants.close(provider, name)
    assert (await tenants.open_(provider, name)).tenant.region_id != opened.region_id


async def test_a_resource_made_at_the_last_moment_keeps_the_tenant_open(
    provider: Provider, cloud: Cloud, name: str
) -> None:
    await backends.add(provider, cloud("north")[0], CREDENTIAL)
    opened = (await tenants.open_(provider, name)).tenant
    asked = []

    async def late(region_id: str, backend_id: str | None) -> list[str]:
        asked.append(backend_id)
        return ["server late"] if len(asked) == 2 else []

    with pytest.raises(Conflict, match="server late"):
        await tenants.close(replace(provider, resources_on=late), name)
    assert await provider.directory.region_of_domain(opened.domain_id) is not None
    asked.clear()
    with pytest.raises(Conflict, match="server late"):
        await zones.unbind(replace(provider, resources_on=late), name, "north")
    assert [b.state for b in await provider.directory.bindings(opened.region_id)] == ["enabled"]


async def test_zones_are_bound_drained_and_unbound(
    provider: Provider, cloud: Cloud, regions: Regions, name: str
) -> None:
    (north, _), (south, memory) = cloud("north"), cloud("south")
    for backend in (north, south):
        await backends.add(provider, backend, CREDENTIAL)
    opened = (await tenants.open_(provider, name, wanted=[Zone("az1", "north")])).tenant
    bound = await zones.bind(provider, name, Zone("az2", "south"))
    assert (bound.state, bound.default) == ("enabled", False)
    assert await zones.bind(provider, name, Zone("az2", "south")) == bound
    assert len(memory.projects) == 1
    with pytest.raises(Conflict, match="has zone az2 on backend south already"):
        await zones.bind(provider, name, Zone("az3", "south"))
    with pytest.raises(Conflict, match="has zone az1 on backend north already"):
        await zones.bind(provider, name, Zone("az1", "south"))
    assert (await zones.bind(provider, name, Zone("az2", "south", default=True))).default
    assert (await zones.drain(provider, name, "az2")).state == "draining"
    assert (await zones.bind(provider, name, Zone("az2", "south"))).state == "enabled"
    with pytest.raises(Conflict, match="serves zones: " + name + "/az2"):
        await backends.remove(provider, "south")
    regions.held[opened.region_id, south.id] = [f"server {n}" for n in range(25)]
    with pytest.raises(Conflict, match=r"server 0, server 1, .* and 5 more"):
        await zones.unbind(provider, name, "az2")
    assert (await zones.all_of(provider, name))[1].state == "enabled"
    regions.held.clear()
    await zones.unbind(provider, name, "az2")
    assert memory.projects == {}
    assert [(b.availability_zone, b.default) for b in await zones.all_of(provider, name)] == [("az1", True)]
    with pytest.raises(LookupError):
        await provider.directory.credential(bound.id)
    with pytest.raises(NotFound):
        await zones.unbind(provider, name, "az2")
    await backends.remove(provider, "south")
    with pytest.raises(NotFound):
        await backends.show(provider, "south")


async def test_a_federated_backend_wants_a_given_credential(provider: Provider, cloud: Cloud, name: str) -> None:
    (north, _), (abroad, memory) = cloud("north"), cloud("abroad")
    for backend in (north, abroad):
        await backends.add(provider, backend, CREDENTIAL)
    await tenants.open_(provider, name, wanted=[Zone("az1", "north")])
    memory.faults.fail_next(None, "project_open", Permanent("You are not authorized.", 403))
    with pytest.raises(Invalid, match=r"not authorized.*hand in a credential for zone az2"):
        await zones.bind(provider, name, Zone("az2", "abroad"))
    assert len(await zones.all_of(provider, name)) == 1
    memory.faults.fail_next(None, "check", Permanent("The password is wrong.", 401))
    with pytest.raises(Invalid, match="The password is wrong"):
        await zones.bind(provider, name, Zone("az2", "abroad", Credential({"project": "wrong"})))
    assert len(await zones.all_of(provider, name)) == 1
    for project in ("given", "renewed"):
        bound = await zones.bind(provider, name, Zone("az2", "abroad", Credential({"project": project})))
        assert (await provider.directory.credential(bound.id)).values == {"project": project}
    with pytest.raises(Conflict, match="made for it"):
        await zones.bind(provider, name, Zone("az1", "north", Credential({"project": "given"})))
    before = memory.faults.count("project_close", None)
    await zones.unbind(provider, name, "az2")
    assert memory.faults.count("project_close", None) == before  # the given project is not ours to remove


async def test_flavors_are_matched_made_or_noted_as_lacking(provider: Provider, cloud: Cloud) -> None:
    (north, rich), (south, poor) = cloud("north"), cloud("south")
    poor.flavors_forbidden = True
    await backends.add(provider, north, CREDENTIAL)
    await flavors.add(provider, TINY)
    await flavors.add(provider, HUGE)
    await backends.add(provider, south, CREDENTIAL)
    there = {f.name: f for f in rich.flavors.values()}
    assert await provider.directory.backend_flavors(north.id) == {
        "f1": there["m1.tiny"].external_id,
        "f2": there["vregion.huge"].external_id,
    }
    assert there["vregion.huge"].extra_specs == HUGE.extra_specs
    assert list(await provider.directory.backend_flavors(south.id)) == ["f1"]
    assert "vregion.huge" in (await backends.show(provider, "south")).lacks
    poor.flavors_forbidden = False
    assert (await backends.check(provider, "south")).lacks == {}
    assert set(await provider.directory.backend_flavors(south.id)) == {"f1", "f2"}
    for _ in range(2):
        await backends.check(provider, "north")
    assert len(rich.flavors) == 4  # nothing is made twice
    with pytest.raises(Conflict):
        await flavors.add(provider, TINY)
    await flavors.remove(provider, "f1")
    assert set(await provider.directory.backend_flavors(north.id)) == {"f2"}
    with pytest.raises(NotFound):
        await flavors.remove(provider, "f1")


async def test_a_silent_backend_lacks_a_flavor_until_it_is_checked(provider: Provider, cloud: Cloud) -> None:
    north, memory = cloud("north")
    await backends.add(provider, north, CREDENTIAL)
    memory.faults.down = True
    await flavors.add(provider, TINY)
    assert "does not answer" in (await backends.show(provider, "north")).lacks["vregion.tiny"]
    memory.faults.down = False
    assert (await backends.check(provider, "north")).lacks == {}

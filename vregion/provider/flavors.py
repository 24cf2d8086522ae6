"""The provider's flavors: one list for every virtual region, matched in each backend by what they are.

A backend's flavor is the same when everything that a server sees of it is equal; its name and id do not matter. Where
none is, one is made if the credential may, and otherwise the reason is noted and the scheduler passes the zone by.
"""

from collections.abc import Mapping, Sequence

from vregion.directory import flavors
from vregion.directory.flavors import Flavor, Match
from vregion.drivers import contract
from vregion.drivers.contract import Driver, DriverError
from vregion.model.backend import Backend
from vregion.model.refusals import Conflict, NotFound, Refusal
from vregion.provider.provider import Provider
from vregion.together import settled

Shape = tuple[int, int, int, int, int, frozenset[tuple[str, str]]]


async def add(provider: Provider, flavor: Flavor) -> Flavor:
    """Write a flavor down and find or make it in every backend; those that cannot have it do not stop it."""
    if not await flavors.add(provider.directory, flavor):
        raise Conflict(f"There is a flavor with the id {flavor.id} or the name {flavor.name} already.")
    backends = (await provider.directory.backends()).values()
    await settled(match(provider, backend, flavor) for backend in backends)
    return flavor


async def remove(provider: Provider, flavor_id: str) -> None:
    """Forget a flavor. What was made for it in the backends stays: servers there may still name it."""
    if not await flavors.remove(provider.directory, flavor_id):
        raise NotFound(f"There is no flavor {flavor_id}.")


async def give(provider: Provider, flavor_id: str, tenant_name: str) -> None:
    """Let a tenant have a private flavor: his admin gives it to projects. What is public everybody has."""
    tenant = await provider.tenant(tenant_name)
    if not await flavors.give(provider.directory, flavor_id, tenant.region_id):
        raise NotFound(f"There is no private flavor {flavor_id}.")


async def take(provider: Provider, flavor_id: str, tenant_name: str) -> None:
    """Take a private flavor from a tenant; his servers keep what they were made with."""
    tenant = await provider.tenant(tenant_name)
    if not await flavors.take(provider.directory, flavor_id, tenant.region_id):
        raise NotFound(f"Tenant {tenant_name} has no private flavor {flavor_id}.")


async def whose(provider: Provider) -> dict[str, list[str]]:
    """Private flavor id -> names of the tenants who have it."""
    return await flavors.whose(provider.directory)


async def match(provider: Provider, backend: Backend, flavor: Flavor | None = None) -> None:
    """Find or make this flavor, or every one, in a backend, and keep what came of it."""
    wanted = [flavor] if flavor else list((await provider.directory.flavors()).values())
    if not wanted:
        return
    matches: dict[str, Match] = {}
    try:
        async with provider.own(backend) as driver:
            offered = await driver.flavors()
            for one in wanted:
                matches[one.id] = find(one, offered) or await _make(driver, one)
    except Refusal as refusal:
        matches |= {one.id: Match(None, refusal.message) for one in wanted if one.id not in matches}
    await flavors.match(provider.directory, backend.id, matches)


async def lacks(provider: Provider) -> dict[str, dict[str, str]]:
    """Backend id -> flavor name -> why that backend lacks it."""
    names = await provider.directory.flavors()
    found: dict[str, dict[str, str]] = {}
    for flavor_id, reasons in (await flavors.lacking(provider.directory)).items():
        for backend_id, reason in reasons.items():
            if flavor_id in names:
                found.setdefault(backend_id, {})[names[flavor_id].name] = reason
    return found


def find(flavor: Flavor, offered: Sequence[contract.Flavor]) -> Match | None:
    """The backend's flavor that is this one; of several the one of the same name, then the first by id."""
    same = [other for other in offered if _shape(other) == _shape(flavor)]
    best = min(same, key=lambda other: (other.name != flavor.name, other.external_id), default=None)
    return Match(best.external_id) if best else None


def _shape(flavor: Flavor | contract.Flavor) -> Shape:
    specs: Mapping[str, str] = flavor.extra_specs
    return (flavor.vcpus, flavor.ram, flavor.disk, flavor.ephemeral, flavor.swap, frozenset(specs.items()))


async def _make(driver: Driver, flavor: Flavor) -> Match:
    """Made if the credential may. A crash before this is kept loses nothing: it is found by its shape next time."""
    wanted = contract.Flavor(
        external_id="",
        name=flavor.name,
        vcpus=flavor.vcpus,
        ram=flavor.ram,
        disk=flavor.disk,
        ephemeral=flavor.ephemeral,
        swap=flavor.swap,
        extra_specs=flavor.extra_specs,
    )
    try:
        return Match((await driver.create_flavor(wanted)).external_id)
    except DriverError as refused:
        return Match(None, refused.message)

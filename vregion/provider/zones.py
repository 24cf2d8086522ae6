"""Binding availability zones of a tenant to backends, draining them, and taking them away.

The order is always: written down, made in the backend under the binding's id as mark, credential kept and zone put
into use in one step. Interrupted anywhere, the same call again goes on from there and makes nothing twice.
"""

import asyncio
import time
import uuid
from dataclasses import dataclass

from vregion.directory import bindings
from vregion.directory.tenants import Tenant
from vregion.drivers.contract import Permanent
from vregion.model.backend import Backend, Binding, Credential
from vregion.model.refusals import Conflict, Invalid, NotFound
from vregion.provider import external_networks
from vregion.provider.provider import Provider, listed

CLEARING_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone to bind. Without `credential` a project with its own one is made by the provider's credential."""

    availability_zone: str
    backend: str
    credential: Credential | None = None
    default: bool = False


async def bind(provider: Provider, tenant_name: str, zone: Zone) -> Binding:
    """Give a tenant a zone. One that he has leaves its draining, and takes a newer given credential."""
    async with provider.turn(tenant_name):
        return await bind_for(provider, await provider.tenant(tenant_name), zone)


async def bind_for(provider: Provider, tenant: Tenant, zone: Zone) -> Binding:
    """The same for a caller who has the tenant's turn."""
    backend = await provider.backend(zone.backend)
    if zone.credential:
        async with provider.open(backend, zone.credential) as driver:
            await driver.check()
    binding, new = await _written(provider, tenant, backend, zone)
    credential = zone.credential
    if zone.credential:
        if binding.state != "opening" and not await bindings.is_given(provider.directory, binding.id):
            raise Conflict(f"Zone {zone.availability_zone} has a credential that was made for it; unbind it first.")
    elif binding.state == "opening":
        credential = await _project(provider, tenant, backend, binding, new)
    await external_networks.tell(provider, backend, binding)
    if credential:
        await bindings.enable(provider.directory, binding.id, credential, given=zone.credential is not None)
    else:
        await bindings.set_state(provider.directory, binding.id, "enabled")
    if zone.default and not binding.default:
        await bindings.set_default(provider.directory, binding)
    return await _named(provider, tenant, zone.availability_zone)


async def unbind(provider: Provider, tenant_name: str, availability_zone: str) -> None:
    """Take a zone away; refused with the list while it holds anything."""
    async with provider.turn(tenant_name):
        tenant = await provider.tenant(tenant_name)
        binding = await _named(provider, tenant, availability_zone)
        if binding.state in bindings.IN_USE:
            await _empty(provider, binding)
        await remove_for(provider, binding)


async def drain(provider: Provider, tenant_name: str, availability_zone: str) -> Binding:
    """Nothing new goes into the zone; what it holds lives on."""
    async with provider.turn(tenant_name):
        tenant = await provider.tenant(tenant_name)
        binding = await _named(provider, tenant, availability_zone)
        if binding.state not in bindings.IN_USE:
            raise Conflict(f"Zone {availability_zone} is {binding.state}.")
        await bindings.set_state(provider.directory, binding.id, "draining")
        return await _named(provider, tenant, availability_zone)


async def all_of(provider: Provider, tenant_name: str) -> tuple[Binding, ...]:
    """Every zone of a tenant, half made ones too."""
    return await bindings.of_region(provider.directory, (await provider.tenant(tenant_name)).region_id)


async def clear(provider: Provider, binding: Binding) -> None:
    """Wait until an empty zone has let go of what it held for others' sake; a conflict when it does not in time."""
    end = time.monotonic() + CLEARING_SECONDS
    while left := await provider.clear_backend(binding.region_id, binding.backend_id):
        if time.monotonic() > end:
            raise Conflict(f"Zone {binding.availability_zone} has not yet let go of: {listed(left)}. Try again later.")
        await asyncio.sleep(0.2)


async def remove_for(provider: Provider, binding: Binding) -> None:
    """Let go of an empty zone: out of use, then its project in the backend, then the row."""
    await bindings.set_state(provider.directory, binding.id, "closing")
    backend = await provider.directory.backend(binding.backend_id)
    if backend is not None and not await bindings.is_given(provider.directory, binding.id):
        async with provider.own(backend) as driver:
            await driver.project_close(binding.id)
    await external_networks.forget(provider, binding)
    await bindings.remove(provider.directory, binding)


async def _written(provider: Provider, tenant: Tenant, backend: Backend, zone: Zone) -> tuple[Binding, bool]:
    """The row of this zone, and whether it is new; else it is from an earlier try."""
    new = Binding(str(uuid.uuid4()), tenant.region_id, zone.availability_zone, backend.id, "opening", zone.default)
    binding = await bindings.add(provider.directory, new, given=zone.credential is not None)
    if binding is None:
        raise Conflict(f"Tenant {tenant.name} or backend {backend.name} is being removed.")
    if (binding.availability_zone, binding.backend_id) != (zone.availability_zone, backend.id):
        there = (await provider.directory.backends())[binding.backend_id].name
        taken = f"Tenant {tenant.name} has zone {binding.availability_zone} on backend {there} already"
        raise Conflict(f"{taken}, and a backend serves one zone of a tenant.")
    if binding.state == "closing":
        raise Conflict(f"Zone {zone.availability_zone} is being unbound; unbind it again to finish that.")
    return binding, binding.id == new.id


async def _project(provider: Provider, tenant: Tenant, backend: Backend, binding: Binding, new: bool) -> Credential:
    """A project with its own credential there. Where we may not, nothing was made, and no row stays."""
    async with provider.own(backend) as driver:
        try:
            name = f"{tenant.name}-{binding.availability_zone}"
            return Credential(dict(await driver.project_open(name, binding.id, new=new)))
        except Permanent as refused:
            if refused.status not in (403, 501):
                raise
            await bindings.remove(provider.directory, binding)
            raise Invalid(
                f"Backend {backend.name} lets nobody make projects with the provider's credential "
                f"({refused.message}): hand in a credential for zone {binding.availability_zone}."
            ) from refused


async def _empty(provider: Provider, binding: Binding) -> None:
    """Refuse while the zone holds anything; looked at again when every node knows that nothing new may go there."""
    await _refuse_if_used(provider, binding)
    await bindings.set_state(provider.directory, binding.id, "draining")
    await asyncio.sleep(provider.notice_seconds)
    try:
        await _refuse_if_used(provider, binding)
        await clear(provider, binding)
    except Conflict:
        await bindings.set_state(provider.directory, binding.id, binding.state)
        raise


async def _refuse_if_used(provider: Provider, binding: Binding) -> None:
    left = await provider.resources_on(binding.region_id, binding.backend_id)
    if left:
        raise Conflict(f"Zone {binding.availability_zone} is in use by: {listed(left)}.")


async def _named(provider: Provider, tenant: Tenant, availability_zone: str) -> Binding:
    for binding in await bindings.of_region(provider.directory, tenant.region_id):
        if binding.availability_zone == availability_zone:
            return binding
    raise NotFound(f"Tenant {tenant.name} has no zone {availability_zone}.")

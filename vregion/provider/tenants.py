"""Opening and closing tenants: Keystone domain, virtual region and zones, from one call.

A tenant is written down first, with the ids that Keystone and the region will have; opening or closing that was
interrupted goes on when it is asked for again. He is served only while he is open.
"""

import asyncio
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from vregion.directory import bindings, tenants
from vregion.directory.tenants import Tenant, now
from vregion.identity.client import IdentityRefused
from vregion.identity.tenants import (
    OpenedTenant,
    TenantOpening,
    close_tenant,
    ensure_domain,
    furnish_domain,
    set_password,
)
from vregion.model.backend import Binding
from vregion.model.refusals import Conflict
from vregion.provider import zones
from vregion.provider.provider import Provider, listed
from vregion.provider.zones import Zone
from vregion.together import settled


@dataclass(frozen=True, slots=True)
class Opened:
    """A tenant who can start. `password` is the administrator's, for him alone: nothing keeps it."""

    tenant: Tenant
    project_id: str
    admin_id: str
    zones: tuple[Binding, ...]
    password: str = field(repr=False)


async def open_(provider: Provider, name: str, password: str | None = None, wanted: Sequence[Zone] = ()) -> Opened:
    """Open a tenant. Without zones he gets one for every backend, with its name. The first zone is the default."""
    wanted = list(wanted) or [Zone(b.name, b.name) for b in (await provider.directory.backends()).values()]
    if wanted and not any(zone.default for zone in wanted):
        wanted[0] = replace(wanted[0], default=True)
    for zone in wanted:
        await provider.backend(zone.backend)  # a wrong name is refused before anything is made
    password = password or secrets.token_urlsafe(18)
    async with provider.turn(name):
        tenant = await _written(provider, name)
        opening = TenantOpening(tenant.domain_id, tenant.name, password)
        await _own_domain(provider, tenant, opening)
        binds = [zones.bind_for(provider, tenant, zone) for zone in wanted]
        known: OpenedTenant = (await settled([_identity(provider, opening), *binds]))[0]
        await tenants.set_state(provider.directory, tenant.region_id, "open")
        bound = await bindings.of_region(provider.directory, tenant.region_id)
    return Opened(replace(tenant, state="open"), known.project_id, known.admin_id, bound, password)


async def page(provider: Provider, after: str, limit: int) -> list[Tenant]:
    """The tenants that follow a name, by name."""
    return await tenants.page(provider.directory, after, limit)


async def close(provider: Provider, name: str) -> None:
    """Close a tenant: his domain with its users and projects, his zones, his region. Refused while he has anything."""
    async with provider.turn(name):
        tenant = await provider.tenant(name)
        await _refuse_if_used(provider, tenant)
        if tenant.state != "closing":
            await tenants.set_state(provider.directory, tenant.region_id, "closing")
            await asyncio.sleep(provider.notice_seconds)
            try:
                await _refuse_if_used(provider, tenant)
            except Conflict:
                await tenants.set_state(provider.directory, tenant.region_id, tenant.state)
                raise
        for binding in await bindings.of_region(provider.directory, tenant.region_id):
            if binding.state in bindings.IN_USE:
                await zones.clear(provider, binding)
            await zones.remove_for(provider, binding)
        await provider.forget_region(tenant.region_id)
        await close_tenant(provider.identity, tenant.domain_id)
        await tenants.remove(provider.directory, tenant.region_id)


async def _written(provider: Provider, name: str) -> Tenant:
    """The row of this tenant, new or from an earlier try that did not come to its end."""
    new = Tenant(str(uuid.uuid4()), name, uuid.uuid4().hex, "opening", now())
    tenant = await tenants.add(provider.directory, new)
    if tenant.state != "opening":
        raise Conflict(f"There is a tenant {name} already; he is {tenant.state}.")
    return tenant


async def _own_domain(provider: Provider, tenant: Tenant, opening: TenantOpening) -> None:
    """Keystone wants a domain's name unique: the domain is made first, and nothing else where somebody has the name."""
    try:
        await ensure_domain(provider.identity, opening)
    except IdentityRefused as refused:
        if refused.status != 409:
            raise
        if not await bindings.of_region(provider.directory, tenant.region_id):
            await tenants.remove(provider.directory, tenant.region_id)
        raise Conflict(f"Keystone has another domain {tenant.name} already.") from refused


async def _identity(provider: Provider, opening: TenantOpening) -> OpenedTenant:
    """His side in Keystone. An administrator from an earlier try, whose answer may be lost, gets this password."""
    opened = await furnish_domain(provider.identity, opening)
    if not opened.admin_created:
        await set_password(provider.identity, opened.admin_id, opening.admin_password)
    return opened


async def _refuse_if_used(provider: Provider, tenant: Tenant) -> None:
    left = await provider.resources_on(tenant.region_id, None)
    if left:
        raise Conflict(f"Tenant {tenant.name} still has: {listed(left)}.")


async def limits(provider: Provider, name: str, project_id: str, wanted: Mapping[str, int]) -> dict[str, int]:
    """Set limits of his images, of one project or ('') of his region, and show what they are."""
    tenant = await provider.tenant(name)
    return await provider.image_limits(tenant.region_id, project_id, wanted)

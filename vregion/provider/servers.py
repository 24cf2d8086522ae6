"""One server of a tenant as its provider sees it: which zone, which backend, and why it went there."""

from typing import Any

from vregion.provider.provider import Provider


async def show(provider: Provider, tenant_name: str, server_id: str) -> dict[str, Any]:
    """The region's own account, with the names of backends. Raises NotFound."""
    tenant = await provider.tenant(tenant_name)
    known = await provider.directory.backends()
    told = await provider.server_of(tenant.region_id, server_id)
    for place in told["places"]:
        backend_id = place.pop("backend_id")
        place["backend"] = known[backend_id].name if backend_id in known else backend_id
    return told

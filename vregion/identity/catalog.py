"""The service catalog: how every client of every tenant finds the region.

Called when the provider's vregion starts.  Endpoint URLs hold `$(project_id)s`, which Keystone replaces for each
token, so the catalog is one row per service, no matter how many tenants there are; a token without a project does not
see those endpoints (keystone 30.0.0, catalog/backends/sql.py).
It touches only endpoints of its own region name; services are found by type and never renamed or removed.
"""

from dataclasses import dataclass
from typing import Any

from vregion.identity.client import Identity, IdentityRefused

INTERFACES = ("public", "internal", "admin")


@dataclass(frozen=True)
class CatalogService:
    """One service: its type, the name it gets if it is new, and its path below the region's own URL."""

    type: str
    name: str
    path: str


# Clients that know the service types authority (openstacksdk, keystoneauth) find block storage under `block-storage`;
# those that look for the literal `volumev3` (older gophercloud, Horizon) need the alias as a service of its own.
SERVICES = (
    CatalogService("compute", "nova", "/compute/v2.1/$(project_id)s"),
    CatalogService("network", "neutron", "/network"),
    CatalogService("block-storage", "cinder", "/block-storage/v3/$(project_id)s"),
    CatalogService("volumev3", "cinderv3", "/block-storage/v3/$(project_id)s"),
    CatalogService("image", "glance", "/image"),
)


async def ensure_catalog(
    identity: Identity,
    base_url: str,
    identity_url: str,
    region: str = "vregion",
    services: tuple[CatalogService, ...] = SERVICES,
) -> None:
    """Make the catalog say this, and only this, about `region`'s services; repeating it changes nothing.

    Keystone does not hold services or endpoints unique, so two callers at once could write a row twice: the caller
    holds the provider's lease.
    """
    await _ensure_region(identity, region)
    urls = {service: base_url.rstrip("/") + service.path for service in services}
    urls[CatalogService("identity", "keystone", "")] = identity_url
    ids = {row["type"]: row["id"] for row in (await identity.request("GET", "/services"))["services"]}
    known = (await identity.request("GET", "/endpoints", params={"region_id": region}))["endpoints"]
    for service, url in urls.items():
        service_id = ids.get(service.type) or await _create_service(identity, service)
        for interface in INTERFACES:
            endpoint = {"service_id": service_id, "interface": interface, "url": url, "region_id": region}
            await _ensure_endpoint(identity, endpoint, known)


async def _ensure_region(identity: Identity, region: str) -> None:
    try:
        await identity.request("POST", "/regions", {"region": {"id": region}})
    except IdentityRefused as refused:
        if refused.status != 409:
            raise


async def _create_service(identity: Identity, service: CatalogService) -> str:
    body = {"service": {"type": service.type, "name": service.name}}
    return str((await identity.request("POST", "/services", body))["service"]["id"])


async def _ensure_endpoint(identity: Identity, wanted: dict[str, str], known: list[dict[str, Any]]) -> None:
    """Create the endpoint, correct its URL, or leave it."""
    for row in known:
        if (row["service_id"], row["interface"]) == (wanted["service_id"], wanted["interface"]):
            if row["url"] != wanted["url"] or not row["enabled"]:
                change = {"endpoint": {"url": wanted["url"], "enabled": True}}
                await identity.request("PATCH", f"/endpoints/{row['id']}", change)
            return
    await identity.request("POST", "/endpoints", {"endpoint": wanted})

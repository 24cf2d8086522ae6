"""The catalog that tenants get from a real Keystone, read as clients read it."""

import asyncio
import uuid

import pytest

from tests.embedded_keystone import TENANT_PASSWORD, RunningKeystone
from vregion.identity.catalog import INTERFACES, SERVICES, ensure_catalog
from vregion.identity.client import Identity
from vregion.identity.tenants import OpenedTenant

BASE = "https://region.example.org"


@pytest.fixture
def region() -> str:
    return "region-" + uuid.uuid4().hex[:8]


async def _seen(keystone: RunningKeystone, token: str, region: str) -> dict[str, str]:
    """The public URLs by service type, as one token shows them."""
    _, answer = await keystone.call(token, "GET", "/auth/tokens", X_Subject_Token=token)
    return {
        service["type"]: endpoint["url"]
        for service in answer["token"]["catalog"]
        for endpoint in service["endpoints"]
        if endpoint["region_id"] == region and endpoint["interface"] == "public"
    }


async def test_urls_hold_the_project_of_the_token(keystone: RunningKeystone, identity: Identity, region: str) -> None:
    await ensure_catalog(identity, BASE + "/", keystone.url, region)
    for tenant in (await keystone.open_tenant(), await keystone.open_tenant()):
        assert await _seen(keystone, await keystone.token(tenant), region) == {
            "identity": keystone.url,
            "compute": f"{BASE}/compute/v2.1/{tenant.project_id}",
            "network": f"{BASE}/network",
            "block-storage": f"{BASE}/block-storage/v3/{tenant.project_id}",
            "volumev3": f"{BASE}/block-storage/v3/{tenant.project_id}",
            "image": f"{BASE}/image",
        }


async def test_a_domain_token_sees_only_what_needs_no_project(
    keystone: RunningKeystone, identity: Identity, region: str
) -> None:
    await ensure_catalog(identity, BASE, keystone.url, region)
    token = await keystone.token(await keystone.open_tenant(), "domain")
    assert set(await _seen(keystone, token, region)) == {"identity", "network", "image"}


async def test_repeating_changes_nothing_and_a_new_url_is_taken_over(
    keystone: RunningKeystone, identity: Identity, region: str
) -> None:
    async def rows() -> dict[str, str]:
        found = await identity.request("GET", "/endpoints", params={"region_id": region})
        return {row["id"]: row["url"] for row in found["endpoints"]}

    await ensure_catalog(identity, BASE, keystone.url, region)
    before = await rows()
    assert len(before) == (len(SERVICES) + 1) * len(INTERFACES)
    await ensure_catalog(identity, BASE, keystone.url, region)
    assert await rows() == before
    await ensure_catalog(identity, "https://moved.example.org", keystone.url, region)
    after = await rows()
    assert after.keys() == before.keys()
    assert all(url == keystone.url or url.startswith("https://moved.example.org/") for url in after.values())


@pytest.mark.filterwarnings("ignore:'cgi' is deprecated")  # webob, below keystoneauth
async def test_keystoneauth_finds_the_services(keystone: RunningKeystone, identity: Identity, region: str) -> None:
    await ensure_catalog(identity, BASE, keystone.url, region)
    tenant = await keystone.open_tenant()
    wanted = {
        "compute": f"{BASE}/compute/v2.1/{tenant.project_id}",
        "block-storage": f"{BASE}/block-storage/v3/{tenant.project_id}",
        "volumev3": f"{BASE}/block-storage/v3/{tenant.project_id}",
        "volume": f"{BASE}/block-storage/v3/{tenant.project_id}",
        "network": f"{BASE}/network",
        "image": f"{BASE}/image",
        "identity": keystone.url,
    }
    assert await asyncio.to_thread(_endpoints, keystone.url, tenant, region, list(wanted)) == wanted


def _endpoints(url: str, tenant: OpenedTenant, region: str, service_types: list[str]) -> dict[str, str | None]:
    from keystoneauth1.identity.v3 import Password
    from keystoneauth1.session import Session

    session = Session(Password(url, user_id=tenant.admin_id, password=TENANT_PASSWORD, project_id=tenant.project_id))
    try:
        return {
            asked: session.get_endpoint(service_type=asked, region_name=region, skip_discovery=True)
            for asked in service_types
        }
    finally:
        session.session.close()

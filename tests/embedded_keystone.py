"""A real Keystone for tests: the `keystone` fixture, and plain calls to it as any user.

Import `keystone` in a conftest.py to use it; it is started once per session (once per xdist worker), on a free port,
and ends with the session, however that ends.
"""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from vregion.identity.client import Identity, PasswordCredential
from vregion.identity.embedded import EmbeddedKeystone
from vregion.identity.keystone_config import KeystoneLaunch
from vregion.identity.tenants import OpenedTenant, TenantOpening, ensure_domain, furnish_domain

ADMIN_PASSWORD = "admin-password-of-the-tests"
TENANT_PASSWORD = "tenant-password-of-the-tests"


async def open_tenant(identity: Identity, opening: TenantOpening) -> OpenedTenant:
    """His domain and all that is in it, as far as it is missing; IdentityRefused(409) when another one has the name."""
    await ensure_domain(identity, opening)
    return await furnish_domain(identity, opening)


@dataclass(frozen=True)
class RunningKeystone:
    """Where the Keystone of this session listens (`url` ends in /v3), and where it keeps its state."""

    url: str
    state_dir: Path

    def admin(self, **options: Any) -> Identity:
        """The provider's client; the caller closes it."""
        return Identity(self.url, PasswordCredential("admin", ADMIN_PASSWORD), **options)

    async def open_tenant(self, name: str = "") -> OpenedTenant:
        """A tenant of the test's own; his administrator is `admin` with TENANT_PASSWORD."""
        domain_id = uuid.uuid4().hex
        async with self.admin(timeout=30) as identity:
            return await open_tenant(identity, TenantOpening(domain_id, name or domain_id, TENANT_PASSWORD))

    async def token(self, tenant: OpenedTenant, scope: str = "project") -> str:
        """A token of the tenant's administrator; `scope` is project, domain or unscoped."""
        scopes: dict[str, Any] = {
            "project": {"project": {"id": tenant.project_id}},
            "domain": {"domain": {"id": tenant.domain_id}},
            "unscoped": "unscoped",
        }
        user = {"id": tenant.admin_id, "password": TENANT_PASSWORD}
        return await self.sign_in({"methods": ["password"], "password": {"user": user}}, scopes[scope])

    async def sign_in(self, how: dict[str, Any], scope: Any = None) -> str:
        """POST /v3/auth/tokens; the token."""
        auth = {"identity": how} if scope is None else {"identity": how, "scope": scope}
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self.url}/auth/tokens", json={"auth": auth}) as response,
        ):
            assert response.status == 201, await response.text()
            return response.headers["X-Subject-Token"]

    async def call(self, token: str, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """One request as the holder of `token`; the status and the decoded answer."""
        sent = {"X-Auth-Token": token, **{name.replace("_", "-"): value for name, value in headers.items()}}
        async with (
            aiohttp.ClientSession() as http,
            http.request(method, self.url + path, json=body, headers=sent) as response,
        ):
            return response.status, await response.json() if response.content_length else None


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def keystone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningKeystone]:
    state_dir = tmp_path_factory.mktemp("keystone")
    embedded = EmbeddedKeystone(KeystoneLaunch(str(state_dir), ADMIN_PASSWORD, password_hash_rounds=4))
    await embedded.start()
    yield RunningKeystone(embedded.url, state_dir)
    await embedded.stop()

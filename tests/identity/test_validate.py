"""Tokens of a real Keystone, seen through `Identity`: valid, expired, revoked, garbage."""

import asyncio
import importlib
import uuid
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.embedded_keystone import ADMIN_PASSWORD, RunningKeystone
from vregion.identity.client import Identity, IdentityRefused, PasswordCredential
from vregion.identity.tokens import IdentityUnavailable, TokenCache, Unauthorized


async def test_a_project_token_names_user_project_and_roles(keystone: RunningKeystone, identity: Identity) -> None:
    tenant = await keystone.open_tenant()
    token = await identity.validate(await keystone.token(tenant))
    assert (token.user_id, token.user_name, token.user_domain_id) == (tenant.admin_id, "admin", tenant.domain_id)
    assert (token.project_id, token.project_name) == (tenant.project_id, "default")
    assert (token.project_domain_id, token.domain_id) == (tenant.domain_id, None)
    assert token.roles == {"manager", "member", "reader"}
    assert not token.system
    assert token.application_credential_id is None


async def test_domain_and_unscoped_tokens(keystone: RunningKeystone, identity: Identity) -> None:
    tenant = await keystone.open_tenant()
    domain = await identity.validate(await keystone.token(tenant, "domain"))
    assert (domain.domain_id, domain.project_id) == (tenant.domain_id, None)
    assert domain.roles == {"manager", "member", "reader"}  # manager implies the others
    unscoped = await identity.validate(await keystone.token(tenant, "unscoped"))
    assert (unscoped.domain_id, unscoped.project_id, unscoped.roles) == (None, None, frozenset())


async def test_a_system_token(keystone: RunningKeystone, identity: Identity) -> None:
    user = {"name": "admin", "domain": {"id": "default"}, "password": ADMIN_PASSWORD}
    sent = await keystone.sign_in({"methods": ["password"], "password": {"user": user}}, {"system": {"all": True}})
    token = await identity.validate(sent)
    assert (token.system, token.project_id, "admin" in token.roles) == (True, None, True)


@pytest.mark.parametrize(
    "garbage", ["", "x", "gAAAAA" + "b" * 180, "a" * 9000, "with space", "line\r\nX-Evil: 1", "nul\0", "\u00e9"]
)
async def test_garbage_is_unauthorized(identity: Identity, garbage: str) -> None:
    with pytest.raises(Unauthorized):
        await identity.validate(garbage)


async def test_an_expired_token_is_unauthorized(keystone: RunningKeystone, identity: Identity) -> None:
    token = await keystone.token(await keystone.open_tenant())
    assert (await identity.inspect(_with_lifetime(keystone, token, +60))).roles
    with pytest.raises(Unauthorized):
        await identity.inspect(_with_lifetime(keystone, token, -7200))


def _with_lifetime(keystone: RunningKeystone, token: str, seconds: float) -> str:
    """The same token with its end moved, sealed with Keystone's own key: what this one is after some waiting."""
    msgpack: Any = importlib.import_module("msgpack")  # Keystone's own serialiser of tokens
    key = Fernet((keystone.state_dir / "fernet" / "1").read_bytes())
    payload = msgpack.unpackb(key.decrypt(token + "=" * (-len(token) % 4)))
    moved = [field + seconds if isinstance(field, float) else field for field in payload]
    assert moved != payload
    return key.encrypt(msgpack.packb(moved)).decode().rstrip("=")


async def test_a_revoked_token_ends_with_the_cache_time(keystone: RunningKeystone, identity: Identity) -> None:
    token = await keystone.token(await keystone.open_tenant())
    seconds = [0.0]
    cache = TokenCache(identity.inspect, ttl=60, monotonic=lambda: seconds[0])
    await cache.get(token)
    assert (await keystone.call(token, "DELETE", "/auth/tokens", X_Subject_Token=token))[0] == 204
    with pytest.raises(Unauthorized):
        await identity.inspect(token)
    seconds[0] = 59.0
    assert (await cache.get(token)).roles
    seconds[0] = 60.0
    with pytest.raises(Unauthorized):
        await cache.get(token)


async def test_a_disabled_user_is_unauthorized(keystone: RunningKeystone, identity: Identity) -> None:
    tenant = await keystone.open_tenant()
    token = await keystone.token(tenant)
    await identity.request("PATCH", f"/users/{tenant.admin_id}", {"user": {"enabled": False}})
    with pytest.raises(Unauthorized):
        await identity.inspect(token)


async def test_concurrent_validations_are_one_call(keystone: RunningKeystone, identity: Identity) -> None:
    token = await keystone.token(await keystone.open_tenant())
    calls = 0

    async def counted(asked: str) -> Any:
        nonlocal calls
        calls += 1
        return await identity.inspect(asked)

    cache = TokenCache(counted)
    answers = await asyncio.gather(*(cache.get(token) for _ in range(100)))
    assert calls == 1
    assert len(set(answers)) == 1


async def test_it_signs_in_again_when_its_own_token_is_revoked(keystone: RunningKeystone, identity: Identity) -> None:
    token = await keystone.token(await keystone.open_tenant())
    await identity.inspect(token)
    own = identity._own_token
    assert own is not None
    assert (await keystone.call(own, "DELETE", "/auth/tokens", X_Subject_Token=own))[0] == 204
    answers = await asyncio.gather(*(identity.inspect(token) for _ in range(5)))
    assert len(set(answers)) == 1
    assert identity._own_token != own


async def test_a_wrong_service_password_is_unavailable_and_not_hammered(keystone: RunningKeystone) -> None:
    token = await keystone.token(await keystone.open_tenant())
    async with Identity(keystone.url, PasswordCredential("admin", "wrong")) as wrong:
        with pytest.raises(IdentityUnavailable, match="401"):
            await wrong.validate(token)
        with pytest.raises(IdentityUnavailable, match="a moment ago"):
            await wrong.validate(token)


async def test_a_service_user_without_rights_is_unavailable(keystone: RunningKeystone) -> None:
    one, other = await keystone.open_tenant(), await keystone.open_tenant()
    credential = PasswordCredential(
        "admin",
        "tenant-password-of-the-tests",
        "default",
        user_domain_id=one.domain_id,
        project_domain_id=one.domain_id,
    )
    async with Identity(keystone.url, credential) as weak:
        with pytest.raises(IdentityUnavailable):
            await weak.validate(await keystone.token(other))


async def test_a_system_scoped_service_user_validates(keystone: RunningKeystone) -> None:
    tenant = await keystone.open_tenant()
    async with Identity(keystone.url, PasswordCredential("admin", ADMIN_PASSWORD, project_name=None)) as system:
        assert (await system.validate(await keystone.token(tenant))).user_id == tenant.admin_id


async def test_a_refusal_carries_keystones_words(identity: Identity) -> None:
    with pytest.raises(IdentityRefused, match="Could not find domain") as refused:
        await identity.request("GET", f"/domains/{uuid.uuid4().hex}")
    assert refused.value.status == 404

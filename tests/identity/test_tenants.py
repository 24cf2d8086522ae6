"""Tenants in a real Keystone: opened once however often, fenced from each other, closed without a trace."""

import asyncio
import time
import uuid
from typing import Any

import pytest

from tests.embedded_keystone import TENANT_PASSWORD, RunningKeystone, open_tenant
from vregion.identity.client import ApplicationCredential, Identity, IdentityRefused
from vregion.identity.tenants import (
    OpenedTenant,
    TenantOpening,
    close_tenant,
    ensure_project,
    ensure_user,
    set_password,
    set_tenant_enabled,
)
from vregion.identity.tokens import Token, Unauthorized


def _opening(name: str | None = None) -> TenantOpening:
    domain_id = uuid.uuid4().hex
    return TenantOpening(domain_id, name or domain_id, TENANT_PASSWORD)


async def test_opening_twice_opens_once(identity: Identity) -> None:
    opening = _opening()
    first, second = await open_tenant(identity, opening), await open_tenant(identity, opening)
    assert (first.admin_created, second.admin_created) == (True, False)
    assert (first.domain_id, first.project_id, first.admin_id) == (
        opening.domain_id,
        second.project_id,
        second.admin_id,
    )
    for noun in ("projects", "users"):
        rows = (await identity.request("GET", f"/{noun}", params={"domain_id": opening.domain_id}))[noun]
        assert len(rows) == 1


async def test_no_role_is_granted_beside_one_that_implies_it(keystone: RunningKeystone, identity: Identity) -> None:
    tenant = await keystone.open_tenant()
    granted = {"user.id": tenant.admin_id, "scope.project.id": tenant.project_id}
    assignments = await identity.request("GET", "/role_assignments", params=granted)
    ids = [one["role"]["id"] for one in assignments["role_assignments"]]
    assert ids == [(await identity.roles()).ids["manager"]]
    assert (await identity.inspect(await keystone.token(tenant))).roles == {"manager", "member", "reader"}


async def test_an_opening_asks_for_the_roles_once_in_a_token_s_life(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    request = identity.request

    async def counted(method: str, path: str, *more: Any) -> Any:
        asked.append(f"{method} {path.split('/')[1]}")
        return await request(method, path, *more)

    monkeypatch.setattr(identity, "request", counted)
    await open_tenant(identity, _opening())
    asked.clear()
    await open_tenant(identity, _opening())
    assert sorted(asked) == ["POST domains", "POST projects", "POST users", "PUT domains", "PUT projects"]
    identity.forget_roles()
    await open_tenant(identity, _opening())
    assert asked.count("GET roles") == asked.count("GET role_inferences") == 1


async def test_an_interrupted_opening_is_completed(keystone: RunningKeystone, identity: Identity) -> None:
    opening = _opening()
    domain = {"name": opening.name, "explicit_domain_id": opening.domain_id}
    await identity.request("POST", "/domains", {"domain": domain})
    await ensure_project(identity, opening.domain_id, opening.project_name)
    await ensure_user(identity, opening.domain_id, opening.admin_name, "the password of the lost answer")
    opened = await open_tenant(identity, opening)
    assert not opened.admin_created
    await set_password(identity, opened.admin_id, TENANT_PASSWORD)
    assert (await _signed_in_again(keystone, identity, opened)).project_id == opened.project_id


async def test_a_name_that_is_taken_is_not_adopted(identity: Identity) -> None:
    first = _opening()
    await open_tenant(identity, first)
    with pytest.raises(IdentityRefused) as refused:
        await open_tenant(identity, _opening(first.name))
    assert refused.value.status == 409


async def test_a_domain_id_must_be_hex(identity: Identity) -> None:
    with pytest.raises(ValueError, match="32"):
        await close_tenant(identity, "../users/x")


async def test_the_administrator_manages_his_domain_and_no_other(keystone: RunningKeystone) -> None:
    own, other = await keystone.open_tenant(), await keystone.open_tenant()
    token = await keystone.token(own, "domain")
    user = {"name": "ann", "password": "a-password", "domain_id": own.domain_id}
    status, made = await keystone.call(token, "POST", "/users", {"user": user})
    assert status == 201
    assert (await keystone.call(token, "POST", "/users", {"user": {**user, "domain_id": other.domain_id}}))[0] == 403
    assert (await keystone.call(token, "GET", f"/users/{other.admin_id}"))[0] in (403, 404)
    assert (await keystone.call(token, "POST", "/domains", {"domain": {"name": "mine"}}))[0] == 403
    group = {"group": {"name": "staff", "domain_id": own.domain_id}}
    status, staff = await keystone.call(token, "POST", "/groups", group)
    assert status == 201
    membership = f"/groups/{staff['group']['id']}/users/{made['user']['id']}"
    assert (await keystone.call(token, "PUT", membership))[0] == 204


async def test_the_administrator_gives_roles_but_never_admin(keystone: RunningKeystone, identity: Identity) -> None:
    tenant = await keystone.open_tenant()
    token = await keystone.token(tenant, "domain")
    user = {"user": {"name": "ann", "password": "a-password", "domain_id": tenant.domain_id}}
    ann = (await keystone.call(token, "POST", "/users", user))[1]["user"]["id"]
    roles = {role["name"]: role["id"] for role in (await identity.request("GET", "/roles"))["roles"]}
    grant = f"/projects/{tenant.project_id}/users/{ann}/roles/"
    assert (await keystone.call(token, "PUT", grant + roles["member"]))[0] == 204
    assert (await keystone.call(token, "PUT", grant + roles["admin"]))[0] == 403


async def test_application_credentials(keystone: RunningKeystone, identity: Identity) -> None:
    tenant = await keystone.open_tenant()
    token = await keystone.token(tenant)
    path = f"/users/{tenant.admin_id}/application_credentials"
    body = {"application_credential": {"name": "robot", "roles": [{"name": "member"}]}}
    status, answer = await keystone.call(token, "POST", path, body)
    assert status == 201
    made = answer["application_credential"]
    how = ApplicationCredential(made["id"], made["secret"]).sign_in()["auth"]["identity"]
    robot = await keystone.sign_in(how)
    seen = await identity.inspect(robot)
    assert (seen.application_credential_id, seen.project_id) == (made["id"], tenant.project_id)
    assert seen.roles == {"member", "reader"}
    assert (await keystone.call(token, "DELETE", f"{path}/{made['id']}"))[0] == 204
    with pytest.raises(Unauthorized):
        await identity.inspect(robot)


async def test_the_service_user_may_be_an_application_credential(keystone: RunningKeystone, identity: Identity) -> None:
    tenant = await keystone.open_tenant()
    own = await identity.request("GET", "/users", params={"name": "admin", "domain_id": "default"})
    user_id = own["users"][0]["id"]
    body = {"application_credential": {"name": uuid.uuid4().hex}}
    made = await identity.request("POST", f"/users/{user_id}/application_credentials", body)
    credential = ApplicationCredential(made["application_credential"]["id"], made["application_credential"]["secret"])
    async with Identity(keystone.url, credential) as service:
        assert (await service.validate(await keystone.token(tenant))).user_id == tenant.admin_id


async def test_a_suspended_tenant_is_locked_out_until_resumed(keystone: RunningKeystone, identity: Identity) -> None:
    tenant = await keystone.open_tenant()
    token = await keystone.token(tenant)
    await set_tenant_enabled(identity, tenant.domain_id, False)
    with pytest.raises(Unauthorized):
        await identity.inspect(token)
    await set_tenant_enabled(identity, tenant.domain_id, True)
    assert (await _signed_in_again(keystone, identity, tenant)).user_id == tenant.admin_id


async def _signed_in_again(keystone: RunningKeystone, identity: Identity, tenant: OpenedTenant) -> Token:
    """A fresh token, once Keystone takes one: what it issues in the second of a revocation is revoked as well."""
    end = time.monotonic() + 5
    while True:
        try:
            return await identity.inspect(await keystone.token(tenant))
        except Unauthorized:
            assert time.monotonic() < end, "no token is taken any more"
            await asyncio.sleep(0.1)


async def test_closing_leaves_nothing_and_may_be_repeated(keystone: RunningKeystone, identity: Identity) -> None:
    tenant = await keystone.open_tenant("to-be-closed")
    token = await keystone.token(tenant)
    for _ in range(2):
        await close_tenant(identity, tenant.domain_id)
    with pytest.raises(Unauthorized):
        await identity.inspect(token)
    for path in (f"/domains/{tenant.domain_id}", f"/projects/{tenant.project_id}", f"/users/{tenant.admin_id}"):
        with pytest.raises(IdentityRefused) as refused:
            await identity.request("GET", path)
        assert refused.value.status == 404
    assert (await keystone.open_tenant("to-be-closed")).domain_id != tenant.domain_id


async def test_many_users_log_in_for_the_first_time_at_once(keystone: RunningKeystone, identity: Identity) -> None:
    """Each first login of a day writes when it was, after a read: on SQLite one of two that do so together fails."""
    tenant = await keystone.open_tenant()
    for number in range(24):
        await ensure_user(identity, tenant.domain_id, f"user-{number}", TENANT_PASSWORD)

    async def log_in(number: int) -> str:
        user = {"name": f"user-{number}", "domain": {"id": tenant.domain_id}, "password": TENANT_PASSWORD}
        return await keystone.sign_in({"methods": ["password"], "password": {"user": user}})

    tokens = await asyncio.gather(*map(log_in, range(24)))
    assert len(set(tokens)) == 24

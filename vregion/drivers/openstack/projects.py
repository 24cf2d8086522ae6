"""A project on the cloud for one virtual region: the project, a user in it, an application credential of that user.

Called by the driver with a credential that may make projects in its domain. Everything is found again by the mark (a
tag of the project, a name of the user), so that a broken attempt is continued and a second one changes nothing but
the application credential, whose secret Keystone tells only once. No password outlives the call that made it. Each
call of Keystone costs it tens of milliseconds, so that what cannot be there is not looked for.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Mapping
from typing import Any

from vregion.drivers.contract import DriverError, Gone, Permanent, Transient
from vregion.drivers.openstack.marks import PREFIX
from vregion.drivers.openstack.service import Service
from vregion.model.backend import Credential
from vregion.together import settled

_ROLE = "member"
_CREDENTIAL = "vregion"


class Projects:
    """Opening and closing projects."""

    def __init__(self, identity: Service, compute: Service, volume: Service, network: Service) -> None:
        self._identity = identity
        self._compute = compute
        self._volume = volume
        self._network = network
        self._role = ""  # the id of _ROLE, once it was asked for

    async def open(self, name: str, mark: str, new: bool) -> Mapping[str, str]:
        """The values of a credential for the project with this mark, which is made if need be.

        `new`: nothing was made under this mark before, so that nothing is looked for.
        """
        domain = (await self._identity.session.token()).domain_id
        project = await self._project(name, mark, domain, new)
        quotas = (self._unlimit(*quota) for quota in self._quotas(project))
        opened: Mapping[str, str] = (await settled([self._credential(project, mark, domain, new), *quotas]))[0]
        return opened

    async def close(self, mark: str) -> None:
        """The user first, so that nothing new is made in the project while it goes."""
        domain = (await self._identity.session.token()).domain_id
        for user in await self._found("users", [("name", PREFIX + mark), ("domain_id", domain)]):
            await self._remove(f"/users/{user['id']}", user["id"])
        for project in await self._found("projects", [("tags", PREFIX + mark), ("domain_id", domain)]):
            await self._forget(project["id"])
            await self._remove(f"/projects/{project['id']}", project["id"])

    async def _found(self, words: str, query: list[tuple[str, str]]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self._identity.send("GET", f"/{words}", params=query)).part(words)
        return found

    async def _made(self, word: str, body: dict[str, Any]) -> str:
        reply = await self._identity.send("POST", f"/{word}s", {word: body})
        return str(reply.part(word)["id"])

    async def _remove(self, path: str, own: str) -> None:
        try:
            await self._identity.send("DELETE", path, own=own)
        except Gone:
            return

    async def _credential(self, project: str, mark: str, domain: str, new: bool) -> Mapping[str, str]:
        password = secrets.token_urlsafe(32)
        user = await self._user(mark, domain, project, password, new)
        await self._assign(project, user)
        return await self._application_credential(project, user, password, new)

    async def _project(self, name: str, mark: str, domain: str, new: bool) -> str:
        """By tag, which Keystone can filter by; the description says the same to people. A name proves nothing."""
        label = PREFIX + mark
        if not new and (found := await self._found("projects", [("tags", label), ("domain_id", domain)])):
            return str(found[0]["id"])
        body = {"name": name, "domain_id": domain, "description": label, "tags": [label], "enabled": True}
        try:
            return await self._made("project", body)
        except Permanent as refused:
            if refused.status != 409:
                raise
        return await self._made("project", body | {"name": f"{name[:48]}-{mark[:8]}"})  # the name is a stranger's

    async def _user(self, mark: str, domain: str, project: str, password: str, new: bool) -> str:
        """The project's user, with this password from now on.

        A new password revokes the user's tokens up to and including the current second (keystone/revoke/backends/
        sql.py compares `issued_before` with whole seconds), so that the next one is waited for.
        """
        label = PREFIX + mark
        if not new and (found := await self._found("users", [("name", label), ("domain_id", domain)])):
            user = str(found[0]["id"])
            await self._identity.send("PATCH", f"/users/{user}", {"user": {"password": password}}, own=user)
            await asyncio.sleep(1.0)
            return user
        return await self._made(
            "user",
            {
                "name": label,
                "domain_id": domain,
                "default_project_id": project,
                "password": password,
                "description": label,
                "options": {"ignore_password_expiry": True, "ignore_change_password_upon_first_use": True},
            },
        )

    async def _assign(self, project: str, user: str) -> None:
        """The role's id is asked for again after a refusal: it may be another one by now."""
        if not self._role:
            roles = await self._found("roles", [("name", _ROLE)])
            if not roles:
                raise Permanent(f"Keystone has no role {_ROLE!r}", 403)
            self._role = str(roles[0]["id"])
        try:
            await self._identity.send("PUT", f"/projects/{project}/users/{user}/roles/{self._role}")
        except Permanent:
            self._role = ""
            raise

    async def _unlimit(self, service: Service, path: str, word: str) -> None:
        """No limits of the cloud below those of vregion, where the credential may set them.

        What has none is not set: each name costs Nova and Cinder a transaction.
        """
        with contextlib.suppress(Permanent):
            quota = (await service.send("GET", path)).part(word)
            unlimited = {key: -1 for key, value in quota.items() if isinstance(value, int) and value != -1}
            if unlimited:
                await service.send("PUT", path, {word: unlimited})

    async def _forget(self, project: str) -> None:
        """What the services keep of a project by themselves: quotas, and the default group of Neutron.

        Asking Neutron for a project's groups makes the default one if it is not there (neutron/db/securitygroups_db.py
        `get_security_groups`), so that it is asked once, and only an administrator can delete what it shows.
        """
        for service, path, _ in self._quotas(project):
            await _attempt(service, path)
        query = [("project_id", project), ("name", "default"), ("fields", "id")]
        groups = (await self._network.send("GET", "/security-groups", params=query)).part("security_groups")
        for group in groups:
            await _attempt(self._network, f"/security-groups/{group['id']}")

    def _quotas(self, project: str) -> tuple[tuple[Service, str, str], ...]:
        return (
            (self._compute, f"/os-quota-sets/{project}", "quota_set"),
            (self._volume, f"/os-quota-sets/{project}", "quota_set"),
            (self._network, f"/quotas/{project}", "quota"),
        )

    async def _application_credential(self, project: str, user: str, password: str, new: bool) -> Mapping[str, str]:
        """Made by the user himself, as Keystone wants it; one of an earlier attempt is replaced.

        It gets the roles of the user's token, by name: with the roles left out, Keystone 30 under load was seen to
        take an administrator's, and to refuse them (api/users.py `UserAppCredListCreateResource._get_roles`).
        """
        login = Credential({"user_id": user, "password": password, "project_id": project})
        own = Service(self._identity.session.with_credential(login), self._identity.kind)
        path = f"/users/{user}/application_credentials"
        if not new:
            earlier = (await own.send("GET", path, params=[("name", _CREDENTIAL)])).part("application_credentials")
            for one in earlier:
                await own.send("DELETE", f"{path}/{one['id']}", own=one["id"])
        roles = [{"name": name} for name in sorted((await own.session.token()).roles)]
        body = {"name": _CREDENTIAL, "unrestricted": False, "roles": roles}
        made = (await own.send("POST", path, {"application_credential": body})).part("application_credential")
        return {"application_credential_id": made["id"], "application_credential_secret": made["secret"]}


async def _attempt(service: Service, path: str) -> None:
    """A removal that the credential may or may not be allowed; an ill service still counts."""
    try:
        await service.send("DELETE", path)
    except Transient:
        raise
    except DriverError:
        return

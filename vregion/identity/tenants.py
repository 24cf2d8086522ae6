"""A tenant in Keystone: one domain with a first project and an administrator who manages that domain and no other.

The provider's API opens and closes tenants through these functions.  Each may be interrupted anywhere and repeated:
the caller chooses the domain's id and writes it down first, and every step finds what an earlier try has made.
A tenant's administrator is a domain manager (keystone 30.0.0, common/policies: role `manager` on the domain); he must
never get the role `admin`, which rules the whole Keystone.
"""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

from vregion.identity.client import Identity, IdentityRefused

DOMAIN_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class TenantOpening:
    """What a tenant gets.  `domain_id` is 32 lower-case hex digits; the roles must exist."""

    domain_id: str
    name: str
    admin_password: str = field(repr=False)
    admin_name: str = "admin"
    project_name: str = "default"
    domain_roles: tuple[str, ...] = ("manager",)
    project_roles: tuple[str, ...] = ("manager", "member", "reader")


@dataclass(frozen=True)
class OpenedTenant:
    """The ids that Keystone holds; `admin_created` is false when the administrator existed and kept his password."""

    domain_id: str
    project_id: str
    admin_id: str
    admin_created: bool


async def furnish_domain(identity: Identity, opening: TenantOpening) -> OpenedTenant:
    """The rest of it, in a domain that `ensure_domain` has made. What a role implies is not granted beside it."""
    project_id, (admin_id, created), roles = await asyncio.gather(
        ensure_project(identity, opening.domain_id, opening.project_name),
        ensure_user(identity, opening.domain_id, opening.admin_name, opening.admin_password),
        identity.roles(),
    )
    grants = [f"/domains/{opening.domain_id}/users/{admin_id}/roles/{r}" for r in roles.needed(opening.domain_roles)]
    grants += [f"/projects/{project_id}/users/{admin_id}/roles/{r}" for r in roles.needed(opening.project_roles)]
    try:
        await asyncio.gather(*(identity.request("PUT", grant) for grant in grants))
    except IdentityRefused:
        identity.forget_roles()
        raise
    return OpenedTenant(opening.domain_id, project_id, admin_id, created)


async def set_tenant_enabled(identity: Identity, domain_id: str, enabled: bool) -> None:
    """Suspend or resume a tenant; suspending also ends all tokens of his users and projects."""
    await identity.request("PATCH", _domain(domain_id), {"domain": {"enabled": enabled}})


async def close_tenant(identity: Identity, domain_id: str) -> None:
    """Delete the domain with its projects, users, groups and credentials; nothing happens when it is gone.

    Keystone wants it disabled first (keystone 30.0.0, resource/core.py: _delete_domain).
    """
    try:
        await set_tenant_enabled(identity, domain_id, False)
        await identity.request("DELETE", _domain(domain_id))
    except IdentityRefused as refused:
        if refused.status != 404:
            raise


async def ensure_project(identity: Identity, domain_id: str, name: str) -> str:
    """The id of the project of this name in the domain, made if it is missing."""
    project, _ = await _ensure_named(identity, "project", {"domain_id": domain_id, "name": name})
    return str(project["id"])


async def ensure_user(identity: Identity, domain_id: str, name: str, password: str) -> tuple[str, bool]:
    """The id of the user of this name, and whether he was made now; one who exists keeps his password."""
    user, created = await _ensure_named(identity, "user", {"domain_id": domain_id, "name": name}, password=password)
    return str(user["id"]), created


async def set_password(identity: Identity, user_id: str, password: str) -> None:
    """Give a user a new password, as after an opening whose first answer was lost; his tokens end.

    Keystone counts issue times in whole seconds (keystone 30.0.0, models/revoke_model.py): a token that he gets within
    the second of the change is refused too.
    """
    await identity.request("PATCH", f"/users/{user_id}", {"user": {"password": password}})


async def ensure_domain(identity: Identity, opening: TenantOpening) -> None:
    """Make his domain if it is missing, before all else.

    IdentityRefused(409) when another one has this name; a name is never taken as proof of ownership.
    """
    domain = {"name": opening.name, "explicit_domain_id": opening.domain_id, "description": "A tenant of vregion"}
    path = _domain(opening.domain_id)
    try:
        await identity.request("POST", "/domains", {"domain": domain})
    except IdentityRefused as refused:
        if refused.status != 409:
            raise
        try:
            await identity.request("GET", path)
        except IdentityRefused:
            raise refused from None  # the name is taken, not the id


async def _ensure_named(
    identity: Identity, noun: str, names: dict[str, str], **more: str
) -> tuple[dict[str, Any], bool]:
    """Make a `noun`, or find the one that holds these names (unique within a domain), and whether it was made."""
    try:
        return (await identity.request("POST", f"/{noun}s", {noun: {**names, **more}}))[noun], True
    except IdentityRefused as refused:
        if refused.status != 409:
            raise
        found = (await identity.request("GET", f"/{noun}s", params=names))[f"{noun}s"]
        if not found:
            raise
        return found[0], False


def _domain(domain_id: str) -> str:
    if not DOMAIN_ID.fullmatch(domain_id):
        raise ValueError("a tenant's domain id is 32 lower-case hex digits")
    return f"/domains/{domain_id}"

"""Who else sees what a project owns: every project of the tenant, or some of them, as rows of RBAC policies.

A policy's row is a child of its object. What it says is in the object's spec, too: `shared` (with everybody) and
`shared_with` (ids of projects), so that a list needs no second look. Called by every kind that can be shared; the API
to policies is `rbac_policies`, which knows the kinds. What is shared is seen and used, never changed by others.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Select, select

from vregion.model.caller import Caller
from vregion.model.resource import Kind, Resource
from vregion.region import resources, usages
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction
from vregion.region.resources import Filter
from vregion.region.tables import resources as rows

EVERYBODY, SHARED = "*", "access_as_shared"


def shared(resource: Resource, project_id: str) -> bool:
    """Whether a policy lets this project see it."""
    return bool(resource.spec.get("shared")) or project_id in resource.spec.get("shared_with", ())


def sees(caller: Caller, resource: Resource) -> bool:
    """Whether a caller may know of it."""
    own = caller.is_admin or resource.project_id == caller.project_id
    return not resource.deleting and (own or shared(resource, caller.project_id))


def visible(caller: Caller) -> dict[str, Any]:
    """Whose rows a caller sees, as arguments of a `Query`; an admin sees all."""
    return {"project_id": None if caller.is_admin else caller.project_id, "shared": reaching(caller.project_id)}


def reaching(project_id: str) -> tuple[Filter, ...]:
    """Each of these lets rows in that are shared with the project."""
    named = Filter("spec.shared_with", orjson.dumps(project_id).decode(), "contains")
    return Filter("spec.shared", True), named


def asked(project_id: str, wanted: bool) -> Filter:
    """What `shared` means as a filter: it is so for who asks."""
    return Filter("", reaching(project_id), "any" if wanted else "none")


def objects(region_id: str, object_type: str, project_id: str) -> Select[Any]:
    """The ids of the objects of a type that are shared with a project."""
    return select(rows.c.parent_id).where(
        rows.c.region_id == region_id,
        rows.c.kind == Kind.RBAC_POLICY,
        rows.c.spec["object_type"].as_string() == object_type,
        rows.c.spec["target_tenant"].as_string().in_((project_id, EVERYBODY)),
    )


def document(policy: Resource) -> dict[str, Any]:
    """What a show of a policy answers."""
    spec = policy.spec
    return {
        "id": policy.id,
        **standard.owned(policy),
        "action": spec["action"],
        "object_id": policy.parent_id,
        "target_tenant": spec["target_tenant"],
        "object_type": spec["object_type"],
    }


async def policies(tx: Transaction, object_id: str) -> list[Resource]:
    """The policies of an object, the oldest first."""
    return await resources.children(tx, Kind.RBAC_POLICY, object_id)


async def permit(tx: Transaction, caller: Caller, shared_thing: Resource, target: str, now: datetime) -> Resource:
    """Write a policy; the object's own spec is its caller's to write (`terms`)."""
    spec = {"object_type": shared_thing.kind.value, "target_tenant": target, "action": SHARED}
    policy = standard.fresh(Kind.RBAC_POLICY, caller, spec, now, parent_id=shared_thing.id)
    await standard.reserve(tx, policy.project_id, "rbac_policy")
    return await standard.insert(tx, policy, document)


async def withdraw(tx: Transaction, policy: Resource) -> None:
    """A policy ends."""
    await usages.release(tx, policy.project_id, {"rbac_policy": 1})
    await resources.remove(tx, Kind.RBAC_POLICY, policy.id)


async def open_to_all(tx: Transaction, caller: Caller, resource: Resource, now: datetime, *, wanted: bool) -> None:
    """The policy for everybody follows the attribute `shared`."""
    there = [policy for policy in await policies(tx, resource.id) if policy.spec["target_tenant"] == EVERYBODY]
    if wanted and not there:
        await permit(tx, caller, resource, EVERYBODY, now)
    for policy in () if wanted else there:
        await withdraw(tx, policy)


async def forget(tx: Transaction, object_id: str) -> None:
    """The object ends, its policies with it."""
    for policy in await policies(tx, object_id):
        await withdraw(tx, policy)


def terms(targets: Iterable[str]) -> dict[str, Any]:
    """What the object's spec says of its policies."""
    every = set(targets)
    return {"shared": EVERYBODY in every, "shared_with": sorted(every - {EVERYBODY})}

"""What all of Neutron's resources share: its standard attributes (times, description, tags, revision), and their rows.

Called by networks, subnets, ports and security groups. Each of them renders its own document and hands the function in.
"""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from vregion.model.caller import Caller
from vregion.model.refusals import Forbidden, OverQuota, Refusal
from vregion.model.resource import Kind, Resource
from vregion.region import realizations, resources, usages
from vregion.region.regions import Transaction

Render = Callable[[Resource], dict[str, Any]]


class PreconditionFailed(Refusal):
    """412: the caller's If-Match names another revision."""

    status = 412
    reason = "RevisionNumberConstraintFailed"


def fresh(kind: Kind, caller: Caller, spec: dict[str, Any], now: datetime, **columns: Any) -> Resource:
    """A row that is not written yet; `spec` is the tenant's wish in Neutron's words."""
    now = now.replace(microsecond=0)
    spec = {"description": "", "tags": [], "revision_number": 1, "status": "ACTIVE", **spec}
    row = {"project_id": spec.pop("project_id", caller.project_id), "user_id": caller.user_id, **columns}
    name = spec.pop("name", "")
    return Resource(str(uuid.uuid4()), kind, name=name, status=spec.pop("status"), created_at=now, updated_at=now,
                    spec=spec, **row)  # fmt: skip


async def insert(tx: Transaction, resource: Resource, render: Render) -> Resource:
    """Write a new row with its document."""
    resource = replace(resource, document=resources.dump(render(resource)))
    await resources.insert_resource(tx, resource)
    return resource


async def revise(tx: Transaction, resource: Resource, render: Render, now: datetime, **changes: Any) -> Resource:
    """The tenant changed something: the next revision and generation; where it is realized it becomes due.

    `changes` are columns of the row, and keys of `spec` under the name of `spec`.
    """
    spec = {**resource.spec, **changes.pop("spec", {})}
    spec["revision_number"] = resource.spec["revision_number"] + 1
    changes |= {"spec": spec, "generation": resource.generation + 1, "updated_at": now.replace(microsecond=0)}
    resource = await _write(tx, resource, render, changes)
    await realizations.changed(tx, resource.kind, resource.id, now)
    return resource


async def touch(tx: Transaction, resource: Resource, render: Render, now: datetime) -> Resource:
    """The tenant changed something beside it: the next revision, of which no backend need be told."""
    spec = {**resource.spec, "revision_number": resource.spec["revision_number"] + 1}
    return await _write(tx, resource, render, {"spec": spec, "updated_at": now.replace(microsecond=0)})


async def note(tx: Transaction, resource: Resource, render: Render, **changes: Any) -> Resource:
    """Something was seen or fixed, not wished: no generation, and no write when nothing differs."""
    spec = {**resource.spec, **changes.pop("spec", {})}
    columns = {name: value for name, value in changes.items() if getattr(resource, name) != value}
    if spec == resource.spec and not columns:
        return resource
    return await _write(tx, resource, render, {**columns, "spec": spec, "updated_at": resource.updated_at})


async def _write(tx: Transaction, resource: Resource, render: Render, changes: dict[str, Any]) -> Resource:
    resource = replace(resource, **changes)
    resource = replace(resource, document=resources.dump(render(resource)))
    await resources.change(tx, resource, **changes, document=resource.document)
    return resource


async def end(tx: Transaction, resource: Resource, now: datetime, vanished: Callable[..., Any]) -> None:
    """Delete: hidden at once, removed when the last backend has let go."""
    await resources.change(tx, resource, deleting=True, generation=resource.generation + 1)
    if not await realizations.unwant(tx, resource.kind, resource.id, now):
        await vanished(tx, resource)
        await realizations.forget_needs(tx, resource.kind, resource.id)
        await resources.remove(tx, resource.kind, resource.id)


def owned(resource: Resource) -> dict[str, Any]:
    """The owner under both of Neutron's names."""
    return {"tenant_id": resource.project_id, "project_id": resource.project_id}


def tail(resource: Resource) -> dict[str, Any]:
    """The standard attributes of a document."""
    return {
        "description": resource.spec["description"],
        "tags": resource.spec["tags"],
        "created_at": stamp(resource.created_at),
        "updated_at": stamp(resource.updated_at),
        "revision_number": resource.spec["revision_number"],
    }


def stamp(moment: datetime) -> str:
    """Neutron's time."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def check_revision(resource: Resource, expected: int | None) -> None:
    """Raises PreconditionFailed when the caller saw another revision (neutron `revisions_plugin.py`)."""
    current = resource.spec["revision_number"]
    if expected is not None and expected != current:
        raise PreconditionFailed(f"Constrained to {expected}, but current revision is {current}")


def check_owner(resource: Resource, caller: Caller, rule: str) -> None:
    """What a caller may see but does not own he cannot change; what is the provider's, no tenant can."""
    of_provider = resource.spec.get("router:external", False)
    if of_provider or (resource.project_id != caller.project_id and not caller.is_admin):
        raise Forbidden(f"rule:{rule} is disallowed by policy", reason="PolicyNotAuthorized")


async def reserve(tx: Transaction, project_id: str, resource: str, amount: int = 1) -> None:
    """Quota in Neutron's words, which names the resource and not the numbers."""
    try:
        await usages.reserve(tx, project_id, {resource: amount})
    except OverQuota as over:
        raise OverQuota(f"Quota exceeded for resources: ['{resource}'].", status=409) from over

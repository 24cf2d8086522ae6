"""Group types: what a tenant may choose for a group. `default` is there always; others are made by the tenant's admin.

Called by the block storage API and by `groups`. A group is a thing of rows, so its type is one too, for every zone.
None promises consistency or replication: a type whose specs ask for that makes no groups. A private type is the admin's
alone, for Cinder has no call that gives it to a project. A name is unique because a row of usages, of no project, is
locked before names are looked at.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from vregion.model.caller import Caller
from vregion.model.refusals import Conflict, Forbidden, Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import resources, usages
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query

NAME = "default"
ID = "9a0c6d2b-5b0e-4d0a-8a5e-2f4f4d1c7c30"
_NAMES = "group_types"
OF_CONSISTENCY_GROUPS = "default_cgsnapshot_type"  # cinder 29.0.0 volume/group_types.py
_PROMISES = ("consistent_group_snapshot_enabled", "group_replication_enabled", "consistent_group_replication_enabled")
_KEPT = "<is> True"
_WORDS = "Volumes of one availability zone; the snapshots of a group are taken one by one"
Type = dict[str, Any]

DEFAULT: Mapping[str, Any] = {"id": ID, "name": NAME, "description": _WORDS, "is_public": True, "group_specs": {}}


async def listed(tx: Transaction, *, is_public: bool | None) -> list[Type]:
    """Public or private ones, or with None both, with `created_at`; the default one is the oldest."""
    filters = [] if is_public is None else [Filter("spec.is_public", is_public)]
    found = [_document(row) for row in await resources.list_resources(tx, Query(Kind.GROUP_TYPE, filters=filters))]
    return found if is_public is False else [*found, {**DEFAULT, "created_at": None}]


async def find(tx: Transaction, name_or_id: str, *, private: bool) -> Type:
    """By name or id, a private one too if `private`. Raises NotFound in Cinder's words for either."""
    if name_or_id in (NAME, ID):
        return dict(DEFAULT)
    row = await resources.find(tx, Kind.GROUP_TYPE, name_or_id) or await _named(tx, name_or_id)
    if row is None or not (private or row.spec["is_public"]):
        raise _unknown(name_or_id)
    return _document(row)


async def by_id(tx: Transaction, type_id: str, *, private: bool) -> Type:
    """As `find`, but not by name. Raises NotFound."""
    if type_id in (NAME, ID):
        return dict(DEFAULT)
    row = await _own(tx, type_id)
    if not (private or row.spec["is_public"]):
        raise NotFound(f"Group type {type_id} could not be found.")
    return _document(row)


async def create(tx: Transaction, caller: Caller, wanted: Mapping[str, Any], now: datetime) -> Type:
    """A new one. Raises Conflict for a name that is taken, Invalid for that of consistency groups."""
    await _check_name(tx, wanted["name"])
    row = Resource(
        id=str(uuid4()),
        kind=Kind.GROUP_TYPE,
        project_id=caller.project_id,
        user_id=caller.user_id,
        name=wanted["name"],
        status="",
        created_at=now,
        updated_at=now,
        spec={name: wanted[name] for name in ("description", "is_public", "group_specs")},
    )
    await resources.insert_resource(tx, row)
    return _document(row)


async def update(tx: Transaction, type_id: str, fields: Mapping[str, Any], now: datetime) -> Type:
    """Name, description, whether it is public: what is not None. Raises NotFound, Conflict, and Forbidden."""
    row = await _own(tx, type_id)
    if (name := fields.get("name")) is not None and name != row.name:
        await _check_name(tx, name)
        row = replace(row, name=name)
    spec = row.spec | {key: fields[key] for key in ("description", "is_public") if fields.get(key) is not None}
    await resources.change(tx, row, name=row.name, spec=spec, updated_at=now)
    return _document(replace(row, spec=spec))


async def delete(tx: Transaction, type_id: str) -> None:
    """Away with it. Raises Invalid while a group has it."""
    row = await _own(tx, type_id)
    if await resources.count(tx, Query(Kind.GROUP, filters=[Filter("spec.group_type", row.id)])):
        words = f"Group Type {row.id} deletion is not allowed with groups present with the type."
        raise Invalid(f"Target group type is still in use. {words}")
    await resources.remove(tx, Kind.GROUP_TYPE, row.id)


async def set_specs(tx: Transaction, type_id: str, specs: Mapping[str, str | None], now: datetime) -> None:
    """These beside those that it has."""
    row = await _own(tx, type_id)
    await _write_specs(tx, row, row.spec["group_specs"] | specs, now)


async def remove_spec(tx: Transaction, type_id: str, key: str, now: datetime) -> None:
    """One less. Raises NotFound when there is none of that name."""
    row = await _own(tx, type_id)
    if key not in row.spec["group_specs"]:
        raise NotFound(f"Group Type {type_id} has no specs with key {key}.")
    await _write_specs(tx, row, {k: v for k, v in row.spec["group_specs"].items() if k != key}, now)


def require_kept(kind: Type) -> None:
    """A group of this type can be what the type says. Raises Invalid."""
    for promise in _PROMISES:
        if kind["group_specs"].get(promise) == _KEPT:
            raise Invalid(f"Invalid Group: Group type {kind['id']} asks for {promise}, which no availability zone has.")


async def _write_specs(tx: Transaction, row: Resource, specs: dict[str, str | None], now: datetime) -> None:
    await resources.change(tx, row, spec=row.spec | {"group_specs": specs}, updated_at=now)


async def _own(tx: Transaction, type_id: str) -> Resource:
    """One that the tenant's admin has made."""
    if type_id in (NAME, ID):
        raise Forbidden("Group type default is every zone's, and stays as it is.")
    if (row := await resources.find(tx, Kind.GROUP_TYPE, type_id)) is None:
        raise NotFound(f"Group type {type_id} could not be found.")
    return row


async def _named(tx: Transaction, name: str) -> Resource | None:
    query = Query(Kind.GROUP_TYPE, filters=[Filter("name", name)], limit=1)
    return next(iter(await resources.list_resources(tx, query)), None)


async def _check_name(tx: Transaction, name: str) -> None:
    """It is free, and nobody else takes it before the transaction ends. Raises Conflict and Invalid."""
    if name == OF_CONSISTENCY_GROUPS:
        raise Invalid(f"Invalid group type: {name} is that of consistency groups, which cannot be made.")
    await usages.hold(tx, "", _NAMES)
    if name == NAME or await _named(tx, name):
        raise Conflict(f"Group Type {name} already exists.")


def _document(row: Resource) -> Type:
    """As an admin sees it (cinder 29.0.0 api/v3/views/group_types.py), and when it was made."""
    return {"id": row.id, "name": row.name, **row.spec, "created_at": row.created_at.isoformat()}


def _unknown(name_or_id: str) -> NotFound:
    try:
        UUID(name_or_id)
    except ValueError:
        return NotFound(f"Group type with name {name_or_id} could not be found.")
    return NotFound(f"Group type {name_or_id} could not be found.")

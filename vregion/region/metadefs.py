"""Metadata definitions: namespaces, and in each its objects, properties, tags and resource type associations.

Called by the metadef files of the image API. A namespace is one row, and its id is its name; its parts lie in its spec,
by name. Nothing of this is on a backend. Names are unique in the virtual region, `public` means all of its projects.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from vregion.model.caller import Caller
from vregion.model.refusals import Conflict, Forbidden, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import resources
from vregion.region.regions import Transaction
from vregion.region.resources import Query

OBJECTS, PROPERTIES, TAGS, TYPES = "objects", "properties", "tags", "resource_type_associations"
PARTS = (OBJECTS, PROPERTIES, TAGS, TYPES)
TYPES_TEXT = "types_text"  # |a|b|, for the filter
CREATED, UPDATED = "created_at", "updated_at"
_GIVEN = ("namespace", "display_name", "description", "visibility", "protected", "owner")
_PRESENT: Mapping[str, str] = {
    OBJECTS: "A metadata definition object with name={} already exists in namespace={}.",
    PROPERTIES: "A metadata definition property with name={} already exists in namespace={}.",
    TAGS: "A metadata tag with name={} already exists in namespace={}. "
    "(Please note that metadata tag names are case insensitive).",
    TYPES: "The metadata definition resource-type association of resource-type={} to namespace={} already exists.",
}
_ABSENT: Mapping[str, str] = {
    OBJECTS: "Could not find metadata object {}",
    PROPERTIES: "Could not find property {}",
    TAGS: "Could not find metadata tag {}",
    TYPES: "Failed to find resource type {} to delete",
}
_NOUNS: Mapping[str, str] = {
    OBJECTS: "object",
    PROPERTIES: "property",
    TAGS: "tag",
    TYPES: "resource-type-association",
}

Missing = Callable[[str], NotFound]


def absent(name: str) -> NotFound:
    """Glance's words where a namespace alone is asked for, or one of its objects (33.0.0, seen)."""
    return NotFound(f"Metadata definition namespace={name} was not found.")


def not_found(name: str) -> NotFound:
    """Its words where another part is."""
    return NotFound(f"Namespace {name} not found")


async def find(tx: Transaction, caller: Caller, name: str) -> Resource | None:
    """A namespace that the caller may see: his project's, a public one, or any for an admin."""
    found = await resources.find(tx, Kind.METADEF_NAMESPACE, name)
    if found is None or caller.is_admin or found.project_id == caller.project_id:
        return found
    return found if found.spec["visibility"] == "public" else None


async def get(tx: Transaction, caller: Caller, name: str, missing: Missing = not_found) -> Resource:
    """A namespace, for one of its parts. Raises what `missing` says of its name."""
    found = await find(tx, caller, name)
    if found is None:
        raise missing(name)
    return found


async def hold(tx: Transaction, caller: Caller, name: str, missing: Missing = not_found) -> Resource:
    """A namespace, to be changed: what is read of it now stays so until the commit. Raises what `missing` says."""
    await resources.lock(tx, Kind.METADEF_NAMESPACE, name)
    return await get(tx, caller, name, missing)


async def create(tx: Transaction, caller: Caller, wanted: Mapping[str, Any], now: datetime) -> Resource:
    """With all the parts that it begins with. Raises Conflict."""
    name = wanted["namespace"]
    given = {key: wanted[key] for key in _GIVEN if wanted.get(key) is not None}
    spec: dict[str, Any] = {"visibility": "private", "protected": False, "owner": caller.project_id, **given}
    made = Resource(
        id=name,
        kind=Kind.METADEF_NAMESPACE,
        project_id=spec["owner"],
        user_id=caller.user_id,
        name=name,
        status="active",
        created_at=now,
        updated_at=now,
        spec=spec | {part: {} for part in PARTS} | {TYPES_TEXT: "|"},
    )
    if not await resources.insert_new(tx, made):
        raise Conflict(f"The metadata definition namespace={name} already exists.")
    for part in PARTS:
        items = wanted.get(part) or []
        named = items.items() if isinstance(items, dict) else [(item["name"], item) for item in items]
        for at, (key, item) in enumerate(named):
            made = await put(tx, made, part, key, item, now.replace(microsecond=at % 1000000))
    return made


async def update(
    tx: Transaction, caller: Caller, namespace: Resource, wanted: Mapping[str, Any], now: datetime
) -> Resource:
    """What is not given goes back to its default, as in Glance. A new name moves the row. Raises Conflict."""
    name = wanted["namespace"]
    given = {key: wanted[key] for key in _GIVEN if wanted.get(key) is not None}
    kept = {key: value for key, value in namespace.spec.items() if key not in _GIVEN}
    spec = {"visibility": "private", "protected": False, "owner": caller.project_id, **kept, **given}
    if name != namespace.id:
        moved = replace(namespace, id=name, name=name, project_id=spec["owner"], spec=spec, updated_at=now)
        if not await resources.insert_new(tx, moved):
            words = "Invalid update. It would result in a duplicate metadata definition namespace with the same name of"
            raise Conflict(f"{words} {name}")
        await resources.remove(tx, Kind.METADEF_NAMESPACE, namespace.id)
        return moved
    return await _write(tx, namespace, spec, now)


async def delete(tx: Transaction, namespace: Resource) -> None:
    """With all its parts. Raises Forbidden for a protected one."""
    unprotected(namespace)
    await resources.remove(tx, Kind.METADEF_NAMESPACE, namespace.id)


def unprotected(namespace: Resource, part: str | None = None, name: str = "") -> None:
    """Raises Forbidden for a protected namespace, or for a part of one."""
    if namespace.spec["protected"]:
        what = f"{_NOUNS[part]} {name}" if part else f"namespace {namespace.id}"
        raise Forbidden(f"Metadata definition {what} is protected and cannot be deleted.")


def named(namespace: Resource, part: str, name: str) -> dict[str, Any]:
    """One part. Raises NotFound."""
    found: dict[str, Any] | None = namespace.spec[part].get(name)
    if found is None:
        raise NotFound(_ABSENT[part].format(name))
    return found


def ordered(namespace: Resource, part: str) -> list[tuple[str, dict[str, Any]]]:
    """All of one part, oldest first."""
    items: Mapping[str, dict[str, Any]] = namespace.spec[part]
    return sorted(items.items(), key=lambda item: (item[1][CREATED], item[0]))


async def put(
    tx: Transaction, namespace: Resource, part: str, name: str, item: Mapping[str, Any], now: datetime, old: str = ""
) -> Resource:
    """Add a part, or replace the one that was called `old`. Raises Conflict for a name in use."""
    items: dict[str, Any] = dict(namespace.spec[part])
    before = items.pop(old, {}) if old else {}
    if name in items:
        raise Conflict(_PRESENT[part].format(name, namespace.id))
    items[name] = {**item, CREATED: before.get(CREATED, now.isoformat()), UPDATED: now.isoformat()}
    if part == TYPES:
        await _know_type(tx, namespace, name, now)
    return await _write(tx, namespace, {**namespace.spec, part: items}, namespace.updated_at)


async def drop(tx: Transaction, namespace: Resource, part: str, names: Iterable[str] | None = None) -> Resource:
    """Remove some, or all."""
    gone = set(namespace.spec[part]) if names is None else set(names)
    items = {key: value for key, value in namespace.spec[part].items() if key not in gone}
    return await _write(tx, namespace, {**namespace.spec, part: items}, namespace.updated_at)


async def resource_types(tx: Transaction) -> list[Resource]:
    """Every resource type that something was ever associated with, oldest first."""
    return await resources.list_resources(tx, Query(Kind.METADEF_RESOURCE_TYPE, sort=(("created_at", True),)))


def stamp(text: str) -> str:
    """A part's time as Glance shows it."""
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def _know_type(tx: Transaction, namespace: Resource, name: str, now: datetime) -> None:
    if await resources.find(tx, Kind.METADEF_RESOURCE_TYPE, name) is None:
        known = replace(
            namespace, id=name, name=name, kind=Kind.METADEF_RESOURCE_TYPE, created_at=now, updated_at=now, spec={}
        )
        await resources.insert_resource(tx, known)


async def _write(tx: Transaction, namespace: Resource, spec: dict[str, Any], now: datetime) -> Resource:
    spec = spec | {TYPES_TEXT: "|" + "".join(f"{name}|" for name in spec[TYPES])}
    changed = replace(namespace, spec=spec, project_id=spec["owner"], updated_at=now)
    await resources.change(tx, namespace, spec=spec, project_id=spec["owner"], updated_at=now)
    return changed

"""Namespaces of metadata definitions: create, list, show with all parts, update, delete, and empty of one part.

An admin of the virtual region writes them, as Glance's policy says; everybody reads the public ones and those of his
project.
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from vregion.api.http import Call, Reply, Routes
from vregion.api.image import bodies, metadef_objects
from vregion.api.schemas.image import metadefs as schema
from vregion.model.refusals import Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import metadefs, resources
from vregion.region.resources import Filter, Query

routes = Routes()
READ_ONLY = ("self", "schema", "created_at", "updated_at")
_PATH = "/metadefs/namespaces"
_SORT_KEYS = {"created_at": "created_at", "updated_at": "updated_at", "namespace": "name", "id": "id"}


@routes.get(_PATH, policy="get_metadef_namespaces")
async def index(call: Call) -> Reply:
    """One page, each with its resource types."""
    limit, marker = bodies.limit(call), bodies.first(call, "marker", None)
    key, ascending = bodies.first(call, "sort_key", "created_at"), bodies.ascending(call)
    if key not in _SORT_KEYS:
        raise Invalid(f"Invalid sort key: {key}")
    sort = ((_SORT_KEYS[key], ascending),)
    project_id = None if call.caller.is_admin else call.project_id
    public = [Filter("spec.visibility", "public")]
    asked = Query(Kind.METADEF_NAMESPACE, project_id, _filters(call), sort, limit, marker, public)
    async with call.region.read() as tx:
        if marker is not None and await metadefs.find(tx, call.caller, marker) is None:
            raise metadefs.absent(marker)
        found = await resources.list_resources(tx, asked)
    shown: dict[str, Any] = {"namespaces": [document(namespace, metadefs.TYPES) for namespace in found]}
    if found and len(found) == limit:
        shown["next"] = bodies.page(call, f"/v2{_PATH}", found[-1].id)
    return Reply(shown | {"schema": "/v2/schemas/metadefs/namespaces", "first": bodies.page(call, f"/v2{_PATH}")})


@routes.post(_PATH, policy="add_metadef_namespace")
async def create(call: Call) -> Reply:
    """With its parts, as they were sent."""
    body = bodies.checked(call, schema.NAMESPACE_BODY, "namespace", READ_ONLY)
    async with call.region.write() as tx:
        made = await metadefs.create(tx, call.caller, body, datetime.now(UTC))
    shown = document(made) | {part: body[part] for part in metadefs.PARTS if body.get(part)}
    return Reply(shown, 201, {"Location": f"{call.base}{_PATH}/{quote(made.id, safe=':')}"})


@routes.get(_PATH + "/{namespace}", policy="get_metadef_namespace")
async def show(call: Call) -> Reply:
    """All of it; with a resource type its prefix is put before the names of properties."""
    name = call.path["namespace"]
    async with call.region.read() as tx:
        found = await metadefs.find(tx, call.caller, name)
        hidden = found is None and await resources.find(tx, Kind.METADEF_NAMESPACE, name) is not None
    if found is None:
        raise NotFound("The resource could not be found.") if hidden else metadefs.absent(name)
    return Reply(_prefixed(document(found, *metadefs.PARTS), call.query.get("resource_type")))


@routes.put(_PATH + "/{namespace}", policy="modify_metadef_namespace")
async def update(call: Call) -> Reply:
    """What the body does not have goes back to its default."""
    body = bodies.checked(call, schema.NAMESPACE_BODY, "namespace", READ_ONLY)
    async with call.region.write() as tx:
        found = await metadefs.hold(tx, call.caller, call.path["namespace"])
        return Reply(document(await metadefs.update(tx, call.caller, found, body, datetime.now(UTC))))


@routes.delete(_PATH + "/{namespace}", policy="delete_metadef_namespace")
async def delete(call: Call) -> Reply:
    """With all its parts."""
    async with call.region.write() as tx:
        await metadefs.delete(tx, await metadefs.hold(tx, call.caller, call.path["namespace"]))
    return Reply(status=204)


@routes.delete(_PATH + "/{namespace}/objects", policy="delete_metadef_namespace")
async def delete_objects(call: Call) -> Reply:
    """All of them."""
    return await _emptied(call, metadefs.OBJECTS)


@routes.delete(_PATH + "/{namespace}/properties", policy="delete_metadef_namespace")
async def delete_properties(call: Call) -> Reply:
    """All of them."""
    return await _emptied(call, metadefs.PROPERTIES)


@routes.delete(_PATH + "/{namespace}/tags", policy="delete_metadef_namespace")
async def delete_tags(call: Call) -> Reply:
    """All of them."""
    return await _emptied(call, metadefs.TAGS)


def document(namespace: Resource, *parts: str) -> dict[str, Any]:
    """Glance's form, with those parts that it has."""
    names = ("namespace", "display_name", "description", "visibility", "protected", "owner")
    shown = {name: namespace.spec[name] for name in names if name in namespace.spec}
    shown |= {"created_at": _time(namespace.created_at), "updated_at": _time(namespace.updated_at)}
    for part in parts:
        if items := metadefs.ordered(namespace, part):
            shown[part] = _shown(namespace, part, items)
    return shown | {"self": f"/v2{_PATH}/{namespace.id}", "schema": "/v2/schemas/metadefs/namespace"}


def _shown(namespace: Resource, part: str, items: list[tuple[str, dict[str, Any]]]) -> Any:
    match part:
        case metadefs.OBJECTS:
            return [metadef_objects.document(namespace, name, item) for name, item in items]
        case metadefs.PROPERTIES:
            return {name: timeless(item) for name, item in items}
        case metadefs.TAGS:
            return [{"name": name} for name, _ in items]
    return [dated(item) for _, item in items]


def timeless(item: dict[str, Any]) -> dict[str, Any]:
    """A part without its times."""
    return {key: value for key, value in item.items() if key not in (metadefs.CREATED, metadefs.UPDATED)}


def dated(item: dict[str, Any]) -> dict[str, Any]:
    """A part with its times as they are shown."""
    return item | {key: metadefs.stamp(item[key]) for key in (metadefs.CREATED, metadefs.UPDATED)}


def _prefixed(shown: dict[str, Any], kind: str | None) -> dict[str, Any]:
    """glance 33.0.0 api/v2/metadef_namespaces.py _prefix_property_name."""
    prefix = next((t.get("prefix") for t in shown.get(metadefs.TYPES, ()) if t["name"] == kind), None)
    if not prefix:
        return shown
    for holder in (shown, *shown.get("objects", ())):
        if holder.get("properties"):
            holder["properties"] = {prefix + name: value for name, value in holder["properties"].items()}
        if holder.get("required"):
            holder["required"] = [prefix + name for name in holder["required"]]
    return shown


def _filters(call: Call) -> list[Filter]:
    visibility, found = call.query.get("visibility"), []
    if visibility is not None:
        if visibility not in ("public", "private", ""):  # which no namespace has
            raise Invalid(f"Invalid visibility value: {visibility}")
        found.append(Filter("spec.visibility", visibility))
    if "resource_types" in call.query:
        kinds = [
            Filter(f"spec.{metadefs.TYPES_TEXT}", f"|{k}|", "contains") for k in call.query["resource_types"].split(",")
        ]
        found.append(Filter("", kinds, "any"))
    return found


async def _emptied(call: Call, part: str) -> Reply:
    async with call.region.write() as tx:
        namespace = await metadefs.hold(tx, call.caller, call.path["namespace"])
        metadefs.unprotected(namespace)
        await metadefs.drop(tx, namespace, part)
    return Reply(status=204)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""Images: the record of each, who may see it, and which zones are to hold its bytes.

Called by the image API, by servers and volumes that begin with an image (`bootable`), and by the reconcilers. `spec`
is Glance's document, properties included; what is ours alone in it begins with INTERNAL. The bytes' own rules are in
`image_data`, the members' in `image_members`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Conflict, Forbidden, Invalid, NotFound, OverQuota
from vregion.model.resource import Kind, Resource, State
from vregion.region import image_limits, leases, realizations, resources, tasks, usages
from vregion.region.regions import Transaction
from vregion.region.resources import Filter

INTERNAL = "vregion"
TAGS = "vregion:tags"  # |a|b|, for the filter
MEMBERS = "vregion:members"  # project -> {"status", "created_at", "updated_at"}
SHARED = "vregion:shared_"  # + status: |project|project|, for the filter
REGISTERED = "vregion:registered"  # backend -> the external id that is not ours to delete
MADE_THERE = "vregion:made_there"  # a backend made it of a server or a volume: nobody uploads it
OF_SERVER = "vregion:of_server"  # made of that server when it was shelved: its Nova makes it, and takes it away
OF_VOLUME = "vregion:of_volume"  # made of that volume, by the reconciler, on its way to another zone
REMOVED = "vregion:removed"  # properties that a backend may still have
STORES = (
    "vregion:stores"  # backend -> zone: where the tenant has it; copies elsewhere are only for servers that need it
)
GLANCE = "os_glance"  # begins what imports tell of themselves
FACTS = ("size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value")
BASE = frozenset(
    {"id", "name", "status", "visibility", "protected", "os_hidden", "owner", "container_format", "disk_format", "tags"}
    | {"created_at", "updated_at", "min_ram", "min_disk", "self", "file", "schema", "locations", "direct_url", *FACTS}
)
_AFTER_BYTES = ("disk_format", "container_format")
_FRESH: Mapping[str, Any] = {
    "name": None,
    "visibility": "shared",
    "protected": False,
    "os_hidden": False,
    "tags": [],
    "disk_format": None,
    "container_format": None,
    "min_disk": 0,
    "min_ram": 0,
    **dict.fromkeys(FACTS),
}


def no_image(image_id: str) -> NotFound:
    """Glance's words."""
    return NotFound(f"No image found with ID {image_id}")


def document(image: Resource) -> dict[str, Any]:
    """Glance's v2 document."""
    place, zones = f"/v2/images/{image.id}", stores(image).values()
    return {
        **({"stores": ",".join(zones)} if zones and image.status in ("active", "deactivated") else {}),
        **{name: value for name, value in image.spec.items() if not name.startswith(INTERNAL)},
        "id": image.id,
        "status": image.status,
        "created_at": _time(image.created_at),
        "updated_at": _time(image.updated_at),
        "self": place,
        "file": f"{place}/file",
        "schema": "/v2/schemas/image",
    }


def record(image: Resource) -> dict[str, Any]:
    """What a backend's own record of it says: private there, and never protected from us."""
    names = ("name", "disk_format", "container_format", "min_disk", "min_ram")
    return {name: image.spec[name] for name in names} | {"visibility": "private"} | properties(image)


def properties(image: Resource) -> dict[str, str]:
    """The custom properties."""
    return {n: v for n, v in image.spec.items() if n not in BASE and not n.startswith((INTERNAL, GLANCE))}


def stores(image: Resource) -> dict[str, str]:
    """Backend -> zone of those that the tenant has it in, its home first."""
    found: dict[str, str] = image.spec.get(STORES, {})
    return dict(sorted(found.items(), key=lambda store: (store[0] != image.backend_id, store[1])))


async def create(tx: Transaction, caller: Caller, wanted: Mapping[str, Any], now: datetime) -> Resource:
    """A queued record; nothing is anywhere yet. Raises OverQuota (413, as Glance) and Conflict for an id in use."""
    given = dict(wanted)
    image_id = given.pop("id", None) or str(uuid4())
    if await resources.find(tx, Kind.IMAGE, image_id) is not None:
        raise Conflict(f"Image ID {image_id} already exists!")
    try:
        await usages.reserve(tx, caller.project_id, {"images": 1})
    except OverQuota as over:
        known = (await usages.limits(tx, caller.project_id))["images"]
        raise image_limits.over(caller.project_id, image_limits.COUNT, known, 1) from over
    spec = {**_FRESH, "owner": caller.project_id, **given}
    spec["tags"] = sorted(set(spec["tags"]))
    image = Resource(
        id=image_id,
        kind=Kind.IMAGE,
        project_id=caller.project_id,
        user_id=caller.user_id,
        name=spec["name"] or "",
        status="queued",
        created_at=now,
        updated_at=now,
        spec=_indexed(spec),
    )
    image = replace(image, document=resources.dump(document(image)))
    await resources.insert_resource(tx, image)
    return image


async def visible(tx: Transaction, image_id: str, project_id: str) -> Resource:
    """An image that this project may see. Raises NotFound."""
    image = await present(tx, image_id)
    if image is None or not may_see(image, project_id):
        raise no_image(image_id)
    return image


async def present(tx: Transaction, image_id: str) -> Resource | None:
    """An image that is not on its way out, whosever it is."""
    image = await resources.find(tx, Kind.IMAGE, image_id)
    return None if image is None or image.deleting else image


async def own(tx: Transaction, caller: Caller, image_id: str, doing: str) -> Resource:
    """An image that the caller may change, and nobody else until the commit.

    Raises NotFound, or Forbidden when he sees another project's.
    """
    await resources.lock(tx, Kind.IMAGE, image_id)
    image = await visible(tx, image_id, caller.project_id)
    if image.project_id != caller.project_id and not caller.is_admin:
        raise Forbidden(f"You are not authorized to complete {doing} action.")
    return image


async def hold(tx: Transaction, image: Resource) -> Resource:
    """As it is now, and as it stays until the commit: two zones may tell of it at once (PostgreSQL)."""
    await resources.lock(tx, Kind.IMAGE, image.id)
    return await resources.get(tx, Kind.IMAGE, image.id)


async def update(tx: Transaction, image: Resource, wanted: Mapping[str, Any], now: datetime) -> Resource:
    """The spec as it shall be now. Backends hear of it once they hold its bytes."""
    for name in _AFTER_BYTES:
        if image.status != "queued" and wanted[name] != image.spec[name]:
            raise Forbidden(f"Attribute {name} can be only replaced for a queued image.")
    gone = image.spec.keys() - wanted.keys() - {REMOVED}
    kept = [n for n in image.spec.get(REMOVED, []) if n not in wanted]
    spec = {**wanted, REMOVED: sorted({*gone, *kept})}
    changed = await write(tx, image, now, spec=spec, generation=image.generation + 1)
    if image.status in ("active", "deactivated"):
        await realizations.changed(tx, Kind.IMAGE, image.id, now)
    return changed


async def delete(tx: Transaction, image: Resource, now: datetime) -> None:
    """Gone for the tenant at once; the copies in the zones follow. A registered one stays in its backend."""
    if image.spec["protected"]:
        raise Forbidden(f"Image {image.id} is protected and cannot be deleted.")
    await remove(tx, image, now)


async def remove(tx: Transaction, image: Resource, now: datetime) -> None:
    """Protected or not, as when it came to nothing. What was made of it goes on without it."""
    await resources.change(tx, image, deleting=True, status="deleted", updated_at=now)
    await realizations.release_needs(tx, Kind.IMAGE, image.id)
    if task_id := image.spec.get("os_glance_import_task"):
        await tasks.end(tx, task_id, now, failure=f"Image {image.id} was deleted.")
    foreign = image.spec.get(REGISTERED, {})
    for realization in await realizations.of_resource(tx, Kind.IMAGE, image.id):
        if foreign.get(realization.backend_id, "") == realization.external_id:
            await leases.drop(tx, realization)
    if not await realizations.unwant(tx, Kind.IMAGE, image.id, now):
        await vanished(tx, image)
        await realizations.forget_needs(tx, Kind.IMAGE, image.id)
        await resources.remove(tx, Kind.IMAGE, image.id)


async def leave_store(tx: Transaction, image: Resource, backend_id: str, now: datetime) -> Resource:
    """It is not a store of the image any more; what was registered there is its owner's again."""
    left = {b: zone for b, zone in stores(image).items() if b != backend_id}
    foreign = {b: i for b, i in image.spec.get(REGISTERED, {}).items() if b != backend_id}
    if backend_id in image.spec.get(REGISTERED, {}):
        for realization in await realizations.of_resource(tx, Kind.IMAGE, image.id):
            if realization.backend_id == backend_id:
                await realizations.release_needs(tx, Kind.IMAGE, image.id, backend_id)
                await leases.drop(tx, realization)
    home, zone = next(iter(left.items()))
    spec = image.spec | {STORES: left} | ({REGISTERED: foreign} if REGISTERED in image.spec else {})
    return await write(tx, image, now, spec=spec, backend_id=home, availability_zone=zone)


async def set_status(tx: Transaction, image: Resource, status: str, now: datetime) -> Resource:
    """Deactivate or reactivate. Raises Forbidden when the status it has does not allow that, as Glance does."""
    before = {"active": "deactivated", "deactivated": "active"}
    if image.status not in (status, before[status]):
        word = "reactivate" if status == "active" else "deactivate"
        raise Forbidden(f"Not allowed to {word} image in status '{image.status}'")
    return image if image.status == status else await write(tx, image, now, status=status)


async def bootable(tx: Transaction, image_id: str, project_id: str) -> Resource:
    """An image to boot from. Raises Invalid in Nova's words (nova 34.0.0 api/openstack/compute/servers.py create)."""
    image = await present(tx, image_id)
    if image is None or not may_see(image, project_id):
        raise Invalid("Can not find requested image")
    if image.status != "active":
        raise Invalid(f"Image {image_id} is not active.")
    return image


def listed_for(project_id: str, visibility: str | None, member_status: str) -> list[Filter]:
    """What lets other projects' images into a list: public, shared with it, and community ones when asked for."""
    shown = [Filter("spec.visibility", "public")] if visibility in (None, "public", "all") else []
    if visibility in (None, "shared", "all"):
        states = ("pending", "accepted", "rejected") if member_status == "all" else (member_status,)
        shown += [Filter(f"spec.{SHARED}{state}", f"|{project_id}|", "contains") for state in states]
    if visibility in ("community", "all"):
        shown.append(Filter("spec.visibility", "community"))
    return shown


async def write(tx: Transaction, image: Resource, now: datetime, **columns: Any) -> Resource:
    """Change columns and render the document anew."""
    if "spec" in columns:
        columns["spec"] = _indexed(columns["spec"])
        columns["name"] = columns["spec"]["name"] or ""
    image = replace(image, updated_at=now, **columns)
    image = replace(image, document=resources.dump(document(image)))
    await resources.change(tx, image, updated_at=now, document=image.document, **columns)
    return image


async def settled(tx: Transaction, image: Resource, observed: Observed) -> None:
    """What a backend says counts only for an image that it made itself; of all others we know more than it."""
    seen = observed.document
    if not image.spec.get(MADE_THERE) or image.status not in ("queued", "saving") or image.deleting:
        return
    if seen.get("status") == "active":
        names = (*FACTS, "disk_format", "container_format", "min_disk", "min_ram")
        spec = image.spec | {name: seen.get(name) for name in names} | made_properties(seen, image.spec)
        spec[STORES] = {str(image.backend_id): str(image.availability_zone)}
        await write(tx, image, datetime.now(UTC), spec=spec, status="active")
        await realizations.forget_needs(tx, Kind.IMAGE, image.id)
    elif seen.get("status") == "saving" != image.status:
        await write(tx, image, datetime.now(UTC), status="saving")


async def stopped(tx: Transaction, image: Resource, reason: str) -> None:
    """A backend refused it. That is the image's own end only where no zone has it."""
    states = {r.state for r in await realizations.of_resource(tx, Kind.IMAGE, image.id)}
    if State.READY not in states and not image.deleting:
        await write(tx, image, datetime.now(UTC), status="killed")


async def lost(tx: Transaction, image: Resource) -> None:
    """The backend that had it has it no more."""
    await stopped(tx, image, "lost")


async def vanished(tx: Transaction, image: Resource) -> None:
    """The last copy is gone."""
    await usages.release(tx, image.project_id, {"images": 1})


def may_see(image: Resource, project_id: str) -> bool:
    if image.project_id == project_id or image.spec["visibility"] in ("public", "community"):
        return True
    return image.spec["visibility"] == "shared" and project_id in image.spec.get(MEMBERS, {})


def made_properties(seen: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, str]:
    """What Nova or Cinder wrote on an image that it made; the ids of its own world are left out."""
    hidden = {"base_image_ref", "instance_uuid", "owner_id", "user_id", "owner_project_name", "owner_user_name"}
    hidden |= {"boot_roles", "stores", "image_location", "image_state", "block_device_mapping", "vregion_id"}
    return {
        name: value
        for name, value in seen.items()
        if isinstance(value, str) and name not in BASE | hidden | known.keys() and not name.startswith("os_glance")
    }


def _indexed(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec with what the list's filters look for: tags and members as text."""
    members: Mapping[str, Any] = spec.get(MEMBERS, {}) if spec["visibility"] == "shared" else {}
    found = {name: value for name, value in spec.items() if not name.startswith(SHARED)}
    for state in {member["status"] for member in members.values()}:
        found[SHARED + state] = _joined(p for p, member in members.items() if member["status"] == state)
    return found | {TAGS: _joined(spec["tags"])}


def _joined(words: Iterable[str]) -> str:
    return "|" + "".join(f"{word}|" for word in words)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

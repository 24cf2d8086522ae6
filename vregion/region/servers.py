"""Servers: their rows from the moment they are accepted to the moment their backend has let go of them.

Called by the compute API (changes, deletion, live actions) and by the reconcilers (what was seen). `spec` holds what
the tenant wants in Nova's names and our ids; beside it what filters and quota need: `vm_state`, `task_state`,
`power_state`, `reserved`, `volumes`. Making one is in `server_boots`, what one shows in `server_documents`.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Conflict, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import (
    actions,
    copies,
    deleted_servers,
    ports,
    realizations,
    resources,
    server_addresses,
    server_documents,
    server_migrations,
    server_shelving,
    usages,
    volumes,
)
from vregion.region.regions import Transaction

GONE = "The server is gone from its availability zone: it was deleted there, not here. It is not made again."
_STATES = {
    "vm_state": "OS-EXT-STS:vm_state",
    "task_state": "OS-EXT-STS:task_state",
    "power_state": "OS-EXT-STS:power_state",
    "launched_at": "OS-SRV-USG:launched_at",
    "locked": "locked",
    "progress": "progress",
}
_ONCE = ("adminPass", "personality")  # Nova keeps neither; they are forgotten once the server is there
RESIZE_SHOWS = timedelta(minutes=2)  # within this time after it was asked for, a resize that was accepted is seen
_TICK = timedelta(microseconds=1)
AGAIN = timedelta(seconds=1)  # a volume or port on its way out is looked for this often


async def get(tx: Transaction, server_id: str, project_id: str | None) -> Resource:
    """A server of this project (None: of any). Raises NotFound in Nova's words."""
    server = await resources.find(tx, Kind.SERVER, server_id, project_id)
    if server is None:
        raise NotFound(f"Instance {server_id} could not be found.")
    return server


async def hold(tx: Transaction, server_id: str, project_id: str | None) -> Resource:
    """The server, to be changed: what is read of it now stays so until the commit. Raises NotFound.

    A request and an observation may meet on PostgreSQL; the second of them must see what the first has written.
    """
    await resources.lock(tx, Kind.SERVER, server_id)
    return await get(tx, server_id, project_id)


def shown(server: Resource) -> dict[str, Any]:
    """The stored document, parsed."""
    document: dict[str, Any] = orjson.loads(server.document)
    return document


def require_unlocked(server: Resource, *, is_admin: bool) -> None:
    """A locked server answers so to anybody but an admin. Raises Conflict."""
    if server.spec["locked"] and not is_admin:
        raise Conflict(f"Instance {server.id} is locked")


def cannot(server: Resource, verb: str) -> Conflict:
    """Nova's 409 for a server that is not there yet, is moving to another zone, or is on its way out."""
    name, state = ("vm_state", server.spec["vm_state"])
    if server.deleting or server.spec.get("moving"):
        name, state = ("task_state", server.spec["task_state"])
    return Conflict(f"Cannot '{verb}' instance {server.id} while it is in {name} {state}")


async def write(tx: Transaction, server: Resource, now: datetime, spec: Mapping[str, Any], **columns: Any) -> Resource:
    """Change the spec, and the document with it; `document` may be handed in. No two writes of a row have one time, as
    what lists have told is known by it.
    """
    now = max(now, server.updated_at + _TICK)
    document = columns.pop("document", None) or server_documents.edited(shown(server), spec)
    document["updated"] = server_documents.wire_time(now)
    columns |= {
        "spec": {**spec, **server_documents.searched(document)},
        "document": server_documents.stored(document),
        "updated_at": now,
    }
    await resources.change(tx, server, **columns)
    return replace(server, **columns)


def with_image(server: Resource, spec: Mapping[str, Any], base: str) -> dict[str, Any]:
    """The document of a server that has another image now."""
    document = server_documents.edited(shown(server), spec)
    return document | {"image": server_documents.image_link(base, spec["imageRef"])}


async def update(tx: Transaction, server: Resource, fields: Mapping[str, Any], now: datetime) -> Resource:
    """Name, description, addresses, hostname, metadata or tags as they shall be; the backend hears of it next."""
    spec = {**server.spec, **fields}
    if spec == server.spec:
        return server
    changed = await write(tx, server, now, spec, name=spec["name"], generation=server.generation + 1)
    await realizations.changed(tx, Kind.SERVER, server.id, now)
    return changed


async def delete(tx: Transaction, caller: Caller, server: Resource, now: datetime) -> None:
    """On its way out; it is shown until its backend has confirmed. Deleting twice is fine."""
    if server.deleting:
        return
    document = shown(server) | {"OS-EXT-STS:task_state": "deleting"}
    document.pop("fault", None) if document["status"] != "ERROR" else None
    spec = server.spec | {"task_state": "deleting"}
    server = await write(tx, server, now, spec, document=document, deleting=True)
    await actions.begin(tx, caller, [server], "delete", now, [actions.event("compute_terminate_instance", now)])
    await server_shelving.forget(tx, server, now)
    if not await realizations.unwant(tx, Kind.SERVER, server.id, now):
        await vanished(tx, server)
        await realizations.forget_needs(tx, Kind.SERVER, server.id)
        await resources.remove(tx, Kind.SERVER, server.id)


async def settled(tx: Transaction, server: Resource, observed: Observed) -> None:
    """The backend's part of the document as it was just seen; nothing is written when nothing changed."""
    server = await hold(tx, server.id, None)
    if server.deleting or server.spec.get("moving"):
        return
    now, before = datetime.now(UTC), shown(server)
    document = server_documents.observed(before, observed.document, observed.external_id)
    spec = server.spec | {name: document[key] for name, key in _STATES.items() if key in document}
    if spec["vm_state"] != "building":
        spec = await _arrived(tx, server, spec, observed)
        document["addresses"] = await server_addresses.shown(tx, server.id)
        document = server_documents.grouped(document, await _group_names(tx, server.id))
    spec = await _resized(tx, server, spec, observed.document)
    spec = await server_shelving.seen(tx, server, spec, observed.document, now)
    document |= {
        "flavor": spec["flavor"],
        "os-extended-volumes:volumes_attached": server_documents.volumes_attached(spec),
    }
    if document != before or spec != server.spec:
        await write(tx, server, now, spec, document=document, status=document["status"])
    if observed.settled and spec["task_state"] is None and server.spec["task_state"] is not None:
        await actions.finish(tx, server.id, now, observed.failed)


async def stopped(tx: Transaction, server: Resource, reason: str) -> None:
    """The backend refused it for good: ERROR with the reason."""
    await _fail(tx, server, reason)


async def lost(tx: Transaction, server: Resource) -> None:
    """It was there, and the healthy backend says that it is not. It stays visible until the tenant deletes it."""
    await _fail(tx, server, GONE)


async def vanished(tx: Transaction, server: Resource) -> None:
    """The backend has let go: ports, volumes and quota are free again; lists of changes still show it for a while."""
    now = datetime.now(UTC)
    for port in await ports.of_server(tx, server.id):
        await ports.unplug(tx, port, now)
    attached = {v["volumeId"]: v["delete_on_termination"] for v in server.spec["volumes"]}
    for volume in (await resources.find_many(tx, Kind.VOLUME, attached)).values():
        if attached[volume.id]:
            await volumes.remove(tx, volume, now)
        else:
            await volumes.detached(tx, volume, server.id, now)
    await usages.release(tx, server.project_id, server.spec["reserved"])
    await actions.finish(tx, server.id, now)
    await server_migrations.forget(tx, server.id)
    await deleted_servers.bury(tx, server, now)


async def redraw(tx: Transaction, server_id: str) -> None:
    """Its ports or their addresses have changed: the document shows them."""
    if await resources.find(tx, Kind.SERVER, server_id) is None:
        return
    server = await hold(tx, server_id, None)
    if server.spec["vm_state"] == "building":
        return
    before = shown(server)
    document = before | {"addresses": await server_addresses.shown(tx, server.id)}
    document = server_documents.grouped(document, await _group_names(tx, server.id))
    if document != before:
        await write(tx, server, datetime.now(UTC), server.spec, document=document)


async def forget_needs(tx: Transaction, server: Resource, now: datetime) -> None:
    """It was made: only its group is still something to it, since the group's members are those that need it."""
    keypair_id, group_id = server.spec["keypair"], server.spec["server_group"]
    await realizations.forget_needs(tx, Kind.SERVER, server.id)
    if keypair_id is not None:
        await copies.let_go(tx, Kind.KEYPAIR, keypair_id, now)
    group = await resources.find(tx, Kind.SERVER_GROUP, group_id) if group_id else None
    if group is not None and not group.deleting:
        await realizations.need(tx, server, [(Kind.SERVER_GROUP, group.id)])
    elif group is not None:
        await copies.let_go(tx, Kind.SERVER_GROUP, group.id, now)


async def _fail(tx: Transaction, server: Resource, words: str) -> None:
    now = datetime.now(UTC)
    server = await hold(tx, server.id, None)
    document = server_documents.failed(shown(server), words, now)
    spec = server.spec | {"vm_state": "error", "task_state": None, "power_state": 0}
    await write(tx, server, now, spec, document=document, status="ERROR")
    await actions.finish(tx, server.id, now, words)


async def _arrived(tx: Transaction, server: Resource, spec: dict[str, Any], observed: Observed) -> dict[str, Any]:
    """It is there: what was needed to make it is forgotten, and its volumes are what the backend shows."""
    now = datetime.now(UTC)
    if spec["vm_state"] != "error" and server.spec["vm_state"] == "building":
        await forget_needs(tx, server, now)
        await ports.look_again(tx, server.id, now)
        for volume in (await resources.find_many(tx, Kind.VOLUME, [v["volumeId"] for v in spec["volumes"]])).values():
            entry = next(v for v in spec["volumes"] if v["volumeId"] == volume.id)
            await volumes.attached(tx, volume, server.id, entry.get("device") or "", now)
        spec = {name: value for name, value in spec.items() if name not in _ONCE}
    spec = await _ports_seen(tx, server, spec, observed)
    return await _volumes_seen(tx, server, spec, observed)


async def _volumes_seen(tx: Transaction, server: Resource, spec: dict[str, Any], observed: Observed) -> dict[str, Any]:
    """A volume that was being detached and is no longer listed has left; one still listed is looked for again."""
    leaving = [v for v in spec["volumes"] if v.get("detaching")]
    if not leaving:
        return spec
    now = datetime.now(UTC)
    listed = [str(v["id"]) for v in observed.document.get("os-extended-volumes:volumes_attached", [])]
    here = await realizations.by_external_ids(tx, str(server.backend_id), Kind.VOLUME, listed)
    there = {realization.resource_id for realization in here.values()}
    gone = {v["volumeId"] for v in leaving} - there
    for volume in (await resources.find_many(tx, Kind.VOLUME, gone)).values():
        await volumes.detached(tx, volume, server.id, now)
    if len(gone) < len(leaving):
        await look_again(tx, server, now + AGAIN)
    return spec | {"volumes": [v for v in spec["volumes"] if v["volumeId"] not in gone]}


async def _ports_seen(tx: Transaction, server: Resource, spec: dict[str, Any], observed: Observed) -> dict[str, Any]:
    """A port that was being taken off has left when the backend shows its MAC address no more."""
    leaving = spec.get("ports_leaving", [])
    if not leaving:
        return spec
    now = datetime.now(UTC)
    shown_there = observed.document.get("addresses", {}).values()
    macs = {one.get("OS-EXT-IPS-MAC:mac_addr") for addresses in shown_there for one in addresses}
    known = await resources.find_many(tx, Kind.PORT, leaving)
    gone = {i for i in leaving if i not in known or known[i].spec["mac_address"] not in macs}
    for port in (known[i] for i in gone if i in known):
        await ports.unplug(tx, port, now)
    if len(gone) < len(leaving):
        await look_again(tx, server, now + AGAIN)
    left = [item for item in spec["networks"] if item["port"] not in gone] if spec["networks"] != "none" else []
    return spec | {"ports_leaving": [i for i in leaving if i not in gone], "networks": left or "none"}


async def _resized(tx: Transaction, server: Resource, spec: dict[str, Any], seen: Mapping[str, Any]) -> dict[str, Any]:
    """Which of the two flavors of a resize the server has now, and when the other one is given back.

    `spec["resize"]` is there from the request until the backend is at rest with one of them; quota holds the larger of
    each until then. The backend's flavor is known by what it is, since its id and name are not ours. At rest with the
    old one it may also have been looked at before it heard of the resize: that counts when it was seen at work, or
    after `RESIZE_SHOWS`; meanwhile it is looked at again.
    """
    resize = spec.get("resize")
    if resize is None or "flavor" not in seen:
        return spec
    grown = _alike(seen["flavor"], resize["to"]["flavor"])
    now_has = resize["to"] if grown else resize["from"]
    spec = spec | {"flavorRef": now_has["id"], "flavor": now_has["flavor"]}
    now = datetime.now(UTC)
    await server_migrations.seen(tx, server.id, spec["vm_state"], spec["task_state"], now)
    if spec["vm_state"] == "resized" and resize.get("confirming"):
        await look_again(tx, server, now + AGAIN)
    if spec["task_state"] is not None or spec["vm_state"] == "resized":
        return spec | {"resize": {**resize, "begun": True}}
    if not (grown or resize.get("begun") or now >= datetime.fromisoformat(resize["until"])):
        await look_again(tx, server, now + AGAIN)
        return spec
    await server_migrations.ended(tx, server.id, grown, spec["vm_state"] == "error", now)
    wanted = {"instances": 1, "cores": spec["flavor"]["vcpus"], "ram": spec["flavor"]["ram"]}
    await usages.release(tx, server.project_id, {n: spec["reserved"][n] - wanted[n] for n in wanted})
    spec["reserved"] = wanted
    del spec["resize"]
    return spec


def _alike(seen: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    return all(seen.get(name) == ours[name] for name in ("vcpus", "ram", "disk", "ephemeral", "swap"))


async def _group_names(tx: Transaction, server_id: str) -> list[str]:
    """The names of the security groups of its ports."""
    ids = [group for port in await ports.of_server(tx, server_id) for group in port.spec["security_groups"]]
    found = await resources.find_many(tx, Kind.SECURITY_GROUP, ids)
    return list(dict.fromkeys(found[i].name for i in ids if i in found))


async def look_again(tx: Transaction, server: Resource, at: datetime) -> None:
    """Its backend shall be asked again."""
    for realization in await realizations.of_resource(tx, Kind.SERVER, server.id):
        await realizations.look_again(tx, realization, at)

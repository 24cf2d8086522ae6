"""Servers: create, the two lists, show, update, delete. Actions and everything below a server have files of their own.

Lists and shows send the stored document as it is when the newest form is asked for; older forms are made of it by
`microversions`. Nothing here waits for a backend.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import repeat
from typing import Any

import orjson

from vregion.api.compute import flavors as flavor_api
from vregion.api.compute import microversions, server_lists
from vregion.api.compute.links import asked, next_page
from vregion.api.compute.requests import body, query
from vregion.api.compute.told import Told
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import servers as schema
from vregion.model.microversion import Microversion
from vregion.model.refusals import Conflict, Invalid
from vregion.model.resource import Kind, Resource
from vregion.region import flavors, resources, server_boots, server_disks, server_documents, servers
from vregion.region.regions import Transaction
from vregion.region.server_boots import Boot

routes = Routes()
_RULE = "os_compute_api:servers"
RULES = {
    **dict.fromkeys((f"{_RULE}:index", f"{_RULE}:detail", f"{_RULE}:show"), "reader"),
    **dict.fromkeys((f"{_RULE}:create", f"{_RULE}:update", f"{_RULE}:delete"), "member"),
    **dict.fromkeys((f"{_RULE}:create:attach_network", f"{_RULE}:create:attach_volume"), "member"),
    f"{_RULE}:create:trusted_certs": "member",
    f"{_RULE}:create:forced_host": "admin",
    "compute:servers:create:requested_destination": "admin",
    **dict.fromkeys((f"{_RULE}:index:get_all_tenants", f"{_RULE}:detail:get_all_tenants"), "admin"),
}
_GROUPS = Microversion(2, 71)
_PINNING = Microversion(2, 104)
_DESCRIPTIONS = Microversion(2, 19)
_SHOWN = ("document", "flavor_ref")
_ADMINS = ("name", "launch_index", "reservation_id", "user_data", "hostname")  # what an admin sees besides
_EXTENDED = tuple(
    f"OS-EXT-SRV-ATTR:{name}"
    for name in (
        "host", "instance_name", "hypervisor_hostname", "kernel_id", "launch_index", "ramdisk_id", "reservation_id",
        "root_device_name", "user_data", "hostname",
    )
)  # fmt: skip
_EXTENDED_MORE = Microversion(2, 3)  # from here on all of them, before it three
_HOSTNAMES = Microversion(2, 90)  # from here on everybody sees the last one
_told = Told(20 << 20)  # bytes: the lists of ten thousand servers


def project(call: Call) -> str | None:
    """Whose servers the caller may name: an admin's are the whole virtual region's."""
    return None if call.caller.is_admin else call.project_id


@routes.post("/servers", policy=f"{_RULE}:create")
async def create(call: Call) -> Reply:
    """Written down and answered; what the server becomes is the reconcilers' work."""
    request = await _boot(call)
    async with call.region.write() as tx:
        made = await server_boots.boot(tx, request)
    first = made[0]
    if server_disks.truth(request.server.get("return_reservation_id")):
        return Reply({"reservation_id": first.spec["reservation_id"]}, 202)
    links = server_documents.links(call.base, "servers", first.id)
    answer = {
        "id": first.id,
        "links": links,
        "OS-DCF:diskConfig": first.spec["OS-DCF:diskConfig"],
        "security_groups": request.server.get("security_groups", [{"name": "default"}]),
        "adminPass": first.spec["adminPass"],
    }
    return Reply({"server": answer}, 202, {"Location": links[0]["href"]})


async def _boot(call: Call) -> Boot:
    """What the request asks for, as far as it can be said without the region's rows."""
    given = body(call, schema.CREATE)
    server = dict(given["server"])
    _check_destination(call, server)
    server.setdefault("adminPass", secrets.token_urlsafe(9))
    if call.microversion < _DESCRIPTIONS:
        server["description"] = server["name"].strip()
    if server.get("trusted_image_certificates"):
        call.enforce(f"{_RULE}:create:trusted_certs")
    if server.get("block_device_mapping") or server.get("block_device_mapping_v2"):
        call.enforce(f"{_RULE}:create:attach_volume")
    if server.get("networks") not in (None, "none", []):
        call.enforce(f"{_RULE}:create:attach_network")
    flavor_id = str(server["flavorRef"]).rstrip("/").rpartition("/")[2]
    known = (await flavor_api.offered(call)).get(flavor_id)
    if known is None:
        raise Invalid(f"Flavor {flavor_id} could not be found.")
    zones = await call.use.directory.bindings(call.caller.region_id)
    having = [z.backend_id for z in zones if flavor_id in await call.use.directory.backend_flavors(z.backend_id)]
    return Boot(
        caller=call.caller,
        server=server,
        hints=given.get("os:scheduler_hints", given.get("OS-SCH-HNT:scheduler_hints", {})),
        flavor_id=flavor_id,
        flavor=flavors.embedded(known),
        zones=zones,
        having=frozenset(having),
        base=call.base,
        now=datetime.now(UTC),
    )


def _check_destination(call: Call, server: Mapping[str, Any]) -> None:
    """Hosts are the backends' own business: nobody can name one in a virtual region."""
    zone = server.get("availability_zone") or ""
    if zone.count(":") > 2:
        raise Invalid("Invalid input received: Unable to parse availability_zone")
    if ":" in zone:
        call.enforce(f"{_RULE}:create:forced_host")
        raise Invalid(f"Compute host {zone.split(':', 1)[1].strip(':')} could not be found.")
    if host := server.get("host") or server.get("hypervisor_hostname"):
        call.enforce("compute:servers:create:requested_destination")
        raise Invalid(f"Compute host {host} could not be found.")


@routes.get("/servers", policy=f"{_RULE}:index")
async def index(call: Call) -> Reply:
    """Names and links."""
    values = query(call, schema.LIST)
    async with call.region.read() as tx:
        wanted = server_lists.query(call, values, f"{_RULE}:index")
        found = await resources.list_columns(tx, wanted, "id", "name")
    shown = [{"id": i, "name": name, "links": server_documents.links(call.base, "servers", i)} for _, i, name in found]
    more = next_page(call, "servers", [i for _, i, _ in found])
    return Reply({"servers": shown} | ({"servers_links": more} if more else {}))


@routes.get("/servers/detail", policy=f"{_RULE}:detail")
async def detail(call: Call) -> Reply:
    """Everything: the stored documents as they are, or older forms of them."""
    values = query(call, schema.LIST)
    async with call.region.read() as tx:
        wanted = server_lists.query(call, values, f"{_RULE}:detail")
        ids, documents = await _documents(call, tx, wanted)
    more = next_page(call, "servers/detail", ids)
    tail = b',"servers_links":' + orjson.dumps(more) if more else b""
    return Reply(b"".join((b'{"servers":[', b",".join(documents), b"]", tail, b"}")))


async def _documents(call: Call, tx: Transaction, wanted: resources.Query) -> tuple[list[str], list[bytes]]:
    """Ids and documents at the caller's microversion.

    Lists are asked for again and again: what was told is kept under its form and its row's last write, a time that no
    row has twice (`servers.write`), and only rows that were written since are read and rendered.
    """
    version, root, also = call.microversion, server_documents.root(call.base), _ADMINS if call.caller.is_admin else ()
    form, render = f"{tx.region_id} {root} {version} {bool(also)}", microversions.Rendering(root, version)
    rows = await resources.list_columns(tx, wanted, "id", "updated_at", *(("kind",) if wanted.also else ()))
    kinds = [row[3] for row in rows] if wanted.also else repeat(wanted.kind)
    keys = [(form, kind, row[1], row[2]) for row, kind in zip(rows, kinds, strict=False)]
    told = _told.get(keys)
    new = [row[0] for row, document in zip(rows, told, strict=True) if document is None]
    found = await resources.columns_of(tx, new, *_SHOWN, *also)
    if also:
        read = {row[0]: render(row[1], row[2], _admins_part(row[3:], version)) for row in found}
    else:
        read = {place: render(document, flavor_id) for place, document, flavor_id in found}
    if read:
        told = [document or read.get(row[0]) for row, document in zip(rows, told, strict=True)]
        _told.keep({key: read[row[0]] for row, key in zip(rows, keys, strict=True) if row[0] in read})
    shown = [(row[1], document) for row, document in zip(rows, told, strict=True) if document is not None]
    return [name for name, _ in shown], [document for _, document in shown]


def form(call: Call, server: Resource, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A server as this caller sees it at this microversion."""
    spec, version, whole = server.spec, call.microversion, {**servers.shown(server), **(more or {})}
    hostname = whole["OS-EXT-SRV-ATTR:hostname"]
    document = microversions.older(whole, spec["flavorRef"], server_documents.root(call.base), version)
    if call.caller.is_admin:
        seen = (server.name, spec["launch_index"], spec["reservation_id"], spec.get("user_data"), hostname)
        document |= _admins_part(seen, version)
    return document


def _admins_part(seen: Sequence[Any], version: Microversion) -> dict[str, Any]:
    """OS-EXT-SRV-ATTR as os-extended-server-attributes shows it: a virtual region has no hosts."""
    called, launch_index, reservation_id, user_data, hostname = seen
    values = (None, called, None, "", launch_index, "", reservation_id, "/dev/vda", user_data, hostname)
    shown = 3 if version < _EXTENDED_MORE else len(values) - (version >= _HOSTNAMES)
    return dict(zip(_EXTENDED[:shown], values, strict=False))


async def groups_of(tx: Transaction, server: Resource) -> list[str]:
    """The server's group, while there is one."""
    group_id = server.spec["server_group"]
    if group_id is None:
        return []
    group = await resources.find(tx, Kind.SERVER_GROUP, group_id)
    return [] if group is None or group.deleting else [group_id]


@routes.get("/servers/{id}", policy=f"{_RULE}:show")
async def show(call: Call) -> Reply:
    """One; its groups are shown here only, not in the list."""
    schema.SHOW.check(asked(call), call.microversion)
    async with call.region.read() as tx:
        server = await servers.get(tx, call.path["id"], project(call))
        groups = await groups_of(tx, server)
    if call.microversion >= microversions.NEWEST and not call.caller.is_admin:
        return Reply(b'{"server":' + server.document[:-1] + b',"server_groups":' + orjson.dumps(groups) + b"}}")
    return Reply({"server": form(call, server, {"server_groups": groups})})


@routes.put("/servers/{id}", policy=f"{_RULE}:update")
async def update(call: Call) -> Reply:
    """Row and document now, the backend next."""
    wanted = dict(body(call, schema.UPDATE)["server"])
    if "name" in wanted:
        wanted["name"] = wanted["name"].strip()
    async with call.region.write() as tx:
        server = await servers.hold(tx, call.path["id"], project(call))
        if "pinned_availability_zone" in wanted:
            _check_pin(server, wanted["pinned_availability_zone"])
        server = await servers.update(tx, server, wanted, datetime.now(UTC))
        groups = await groups_of(tx, server)
    document = form(call, server, {"server_groups": groups})
    return Reply({"server": microversions.part(document, call.microversion)})


def _check_pin(server: Resource, wanted: str | None) -> None:
    """nova 34.0.0 `compute/servers.py` update: a pin is taken off, or put where the server is."""
    pinned = server.spec["pinned_availability_zone"]
    if wanted is None:
        return
    if pinned is not None and wanted != pinned:
        raise Conflict(
            "Cannot change pinned availability zone directly. Unpin first by setting pinned_availability_zone to null."
        )
    if pinned is None and wanted != server.availability_zone:
        raise Conflict(
            f"Server can only be pinned to its current availability zone '{server.availability_zone}', "
            f"but '{wanted}' was requested."
        )


@routes.delete("/servers/{id}", policy=f"{_RULE}:delete")
async def delete(call: Call) -> Reply:
    """Accepted whatever its state and its zone's; it is shown until the backend has confirmed."""
    async with call.region.write() as tx:
        server = await servers.hold(tx, call.path["id"], project(call))
        servers.require_unlocked(server, is_admin=call.caller.is_admin)
        await servers.delete(tx, call.caller, server, datetime.now(UTC))
    return Reply(None, 204)

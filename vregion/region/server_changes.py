"""What a live action changes in a server's row: the flavor of a resize, what a rebuild sets, volumes that come and go.

Called by the action handlers of `vregion.api.compute`, before the backend is asked (what must be reserved) and after
its answer (what it accepted, or what is given back). How it ended is seen by `servers.settled`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from vregion.model.refusals import Conflict, Invalid, NotFound, OverQuota
from vregion.model.resource import Kind, Resource
from vregion.region import ports, resources, server_migrations, servers, usages, user_limits, volumes
from vregion.region.regions import Transaction

_REBUILT = (
    "name", "metadata", "description", "OS-DCF:diskConfig", "accessIPv4", "accessIPv6", "key_name", "user_data",
    "trusted_image_certificates", "hostname",
)  # fmt: skip


async def begin_resize(
    tx: Transaction, server: Resource, flavor_id: str, flavor: Mapping[str, Any], now: datetime
) -> Resource:
    """Reserve what the larger of the two flavors takes. Raises OverQuota in Nova's words."""
    server = await servers.hold(tx, server.id, None)
    if flavor_id == server.spec["flavorRef"]:
        raise Invalid("When resizing, instances must change flavor!")
    if "resize" in server.spec:
        raise servers.cannot(server, "resize")
    held = server.spec["reserved"]
    wanted = {"instances": 1, "cores": flavor["vcpus"], "ram": flavor["ram"]}
    more = {name: max(0, wanted[name] - held[name]) for name in wanted}
    known = await usages.limits(tx, server.project_id)
    try:
        await usages.reserve(tx, server.project_id, more)
    except OverQuota as over:
        raise usages.too_many(known, more) from over
    await user_limits.require(tx, server.project_id, server.user_id, more)
    old = {"id": server.spec["flavorRef"], "flavor": server.spec["flavor"]}
    until = now + servers.RESIZE_SHOWS
    resize = {"from": old, "to": {"id": flavor_id, "flavor": dict(flavor)}, "until": until.isoformat()}
    reserved = {name: held[name] + more[name] for name in held}
    await servers.look_again(tx, server, now)
    return await servers.write(tx, server, now, {**server.spec, "resize": resize, "reserved": reserved})


async def resizing(tx: Transaction, server_id: str, disk_config: str, now: datetime) -> None:
    """The backend accepted it; how the disk is to be partitioned holds at once, and stays after a revert."""
    if await resources.find(tx, Kind.SERVER, server_id) is None:
        return
    server = await servers.hold(tx, server_id, None)
    await servers.write(tx, server, now, {**server.spec, "OS-DCF:diskConfig": disk_config})


async def forget_resize(tx: Transaction, server_id: str, now: datetime) -> None:
    """The backend did not accept it: the reservation is given back."""
    if await resources.find(tx, Kind.SERVER, server_id) is None:
        return
    server = await servers.hold(tx, server_id, None)
    if "resize" not in server.spec:
        return
    spec = {name: value for name, value in server.spec.items() if name != "resize"}
    flavor = spec["flavor"]
    wanted = {"instances": 1, "cores": flavor["vcpus"], "ram": flavor["ram"]}
    await usages.release(tx, server.project_id, {n: spec["reserved"][n] - wanted[n] for n in wanted})
    await server_migrations.refused(tx, server_id)
    await servers.write(tx, server, now, {**spec, "reserved": wanted})


async def confirming(tx: Transaction, server_id: str, now: datetime) -> None:
    """Nova sets no task state while it confirms (nova 34.0.0 compute/api.py confirm_resize): look until it has."""
    if await resources.find(tx, Kind.SERVER, server_id) is None:
        return
    server = await servers.hold(tx, server_id, None)
    if "resize" not in server.spec:
        return
    resize = {**server.spec["resize"], "confirming": True}
    await server_migrations.confirming(tx, server_id, now)
    await servers.write(tx, server, now, {**server.spec, "resize": resize})
    await servers.look_again(tx, server, now)


async def rebuilt(tx: Transaction, server_id: str, wanted: Mapping[str, Any], base: str, now: datetime) -> Resource:
    """The backend accepted a rebuild: what it set is what the tenant wants now."""
    server = await servers.hold(tx, server_id, None)
    spec = {**server.spec, **{name: wanted[name] for name in _REBUILT if name in wanted}}
    spec = {name: value for name, value in spec.items() if value is not None or name in server.spec}
    document = None
    if wanted["imageRef"] != spec["imageRef"]:
        spec["imageRef"] = wanted["imageRef"]
        document = servers.with_image(server, spec, base)
    return await servers.write(tx, server, now, spec, name=spec["name"], document=document)


async def begin_attach(
    tx: Transaction, server: Resource, wanted: Mapping[str, Any], now: datetime
) -> tuple[Resource, dict[str, Any]]:
    """Reserve the volume for the server. Raises NotFound (404) and Invalid (400) in Nova's words."""
    volume_id = wanted["volumeId"]
    attached = {v["volumeId"] for v in server.spec["volumes"]}
    if volume_id in attached:
        words = f"volume {volume_id} is already attached to instances: {server.id}"
        raise Invalid(f"Invalid volume: {words}")
    volume = await volumes.for_server(tx, volume_id, server.project_id, server.backend_id)
    entry = {
        "volumeId": volume_id,
        "delete_on_termination": bool(wanted.get("delete_on_termination", False)),
        "tag": wanted.get("tag"),
        "attachment_id": str(uuid4()),
        "bdm_uuid": str(uuid4()),
    }
    await volumes.reserve_attach(tx, volume, server.id, entry["attachment_id"], now)
    return volume, entry


async def attached(tx: Transaction, server_id: str, volume: Resource, entry: Mapping[str, Any], now: datetime) -> None:
    """The backend took it."""
    server = await servers.hold(tx, server_id, None)
    await volumes.attached(tx, volume, server_id, entry.get("device") or "", now)
    spec = {**server.spec, "volumes": [*server.spec["volumes"], dict(entry)]}
    await servers.write(tx, server, now, spec)


async def not_attached(tx: Transaction, server_id: str, volume: Resource, now: datetime) -> None:
    """The backend refused, or did not answer: the volume is free again, unless it shows there after all."""
    if await resources.find(tx, Kind.VOLUME, volume.id) is not None:
        await volumes.detached(tx, volume, server_id, now)


def attachment(server: Resource, volume_id: str) -> dict[str, Any]:
    """The entry of one of its volumes. Raises NotFound in Nova's words."""
    for entry in server.spec["volumes"]:
        if entry["volumeId"] == volume_id:
            found: dict[str, Any] = entry
            return found
    raise NotFound(f"Instance {server.id} is not attached to volume {volume_id}")


async def change_attachment(
    tx: Transaction, server_id: str, volume_id: str, fields: Mapping[str, Any], now: datetime
) -> Resource:
    """Set fields of one attachment."""
    server = await servers.hold(tx, server_id, None)
    entry = {**attachment(server, volume_id), **fields}
    others = [entry if one["volumeId"] == volume_id else one for one in server.spec["volumes"]]
    return await servers.write(tx, server, now, {**server.spec, "volumes": others})


def require_detachable(server: Resource, volume_id: str) -> None:
    """A root volume stays. Raises Invalid, or Conflict while it is on its way out already."""
    entry = attachment(server, volume_id)
    roots = [d for d in server.spec["block_device_mapping_v2"] if d.get("boot_index") == 0]
    if any(disk.get("uuid") == volume_id for disk in roots):
        raise Invalid("Cannot detach a root device volume")
    if entry.get("detaching"):
        raise Conflict(f"Invalid volume: volume {volume_id} is already being detached")


def interface_tag(server: Resource, port_id: str) -> str | None:
    """The device tag of one of its ports."""
    wanted = server.spec["networks"]
    return next((item.get("tag") for item in wanted if item["port"] == port_id), None) if wanted != "none" else None


async def plugged(tx: Transaction, server_id: str, port: Resource, tag: str | None, now: datetime) -> Resource:
    """The backend took one more port."""
    server = await servers.hold(tx, server_id, None)
    before = [] if server.spec["networks"] == "none" else server.spec["networks"]
    item = {"port": port.id} | ({"tag": tag} if tag else {})
    server = await servers.write(tx, server, now, {**server.spec, "networks": [*before, item]})
    await servers.redraw(tx, server_id)
    await ports.look_again(tx, server_id, now)
    return server


async def unplugging(tx: Transaction, server_id: str, port_id: str, now: datetime, *, leaving: bool) -> None:
    """The backend is asked to take a port off, or has refused to."""
    server = await servers.hold(tx, server_id, None)
    others = [i for i in server.spec.get("ports_leaving", []) if i != port_id]
    spec = {**server.spec, "ports_leaving": [*others, port_id] if leaving else others}
    await servers.write(tx, server, now, spec)

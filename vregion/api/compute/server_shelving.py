"""unshelve: in the server's own zone by its cloud, in another one by rows alone.

The order and the words of refusals are Nova's (nova 34.0.0 `compute/api.py` unshelve). What another zone needs of the
old one before the rows are written is to know which image its Nova made when it shelved the server, and which device
each volume is.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vregion.api.compute.server_calls import ask, record
from vregion.api.http import Call, Reply
from vregion.api.live import realized
from vregion.drivers.contract import Driver, DriverError, Transient
from vregion.model.backend import Binding
from vregion.model.microversion import Microversion
from vregion.model.refusals import Conflict, Invalid, Unavailable
from vregion.model.resource import Kind, Resource
from vregion.region import realizations, server_disks, server_moves, server_shelving, servers
from vregion.region.realizations import Key
from vregion.region.scheduler import UNKNOWN_ZONE
from vregion.region.server_moves import Shelved

_ZONES = Microversion(2, 77)
_TO_HOST = "os_compute_api:os-shelve:unshelve_to_host"


async def unshelve(call: Call, server: Resource, given: Any) -> Reply:
    """A zone may be named for a server that its zone has let go of (SHELVED_OFFLOADED)."""
    wanted = given if isinstance(given, dict) and call.microversion >= _ZONES else {}
    if "availability_zone" not in wanted and not wanted.get("host"):
        return await _at_home(call, server, {})
    _require_offloaded(call, server)
    zone = wanted.get("availability_zone")
    binding = await _zone(call, zone) if zone else None
    if wanted.get("host"):
        call.enforce(_TO_HOST)
    if binding is None or binding.backend_id == server.backend_id:
        return await _at_home(call, server, wanted)
    return await _elsewhere(call, server, binding)


def _require_offloaded(call: Call, server: Resource) -> None:
    """Raises Conflict in Nova's order: locked, not shelved, busy, not offloaded yet."""
    servers.require_unlocked(server, is_admin=call.caller.is_admin)
    state, task = server.spec["vm_state"], server.spec["task_state"]
    if server.deleting or state not in ("shelved", "shelved_offloaded"):
        raise servers.cannot(server, "unshelve")
    if task is not None:
        raise Conflict(f"Cannot 'unshelve' instance {server.id} while it is in task_state {task}")
    if state == "shelved":
        raise Conflict(
            f'Specifying an availability zone or a host when unshelving server "{server.id}" with status "{state}" is '
            "not supported. The server status must be SHELVED_OFFLOADED."
        )


async def _zone(call: Call, name: str) -> Binding:
    for binding in await call.use.directory.bindings(call.caller.region_id):
        if binding.availability_zone == name and binding.state == "enabled":
            return binding
    raise Invalid(UNKNOWN_ZONE)


async def _at_home(call: Call, server: Resource, wanted: Mapping[str, Any]) -> Reply:
    """Its own cloud does it. A zone that was named pins the server to it, null unpins it."""
    answer = await ask(call, server, "unshelve", ("POST", "/action", {"unshelve": None}))
    await record(call, server, "unshelve")
    if "availability_zone" in wanted:
        async with call.region.write() as tx:
            current = await servers.hold(tx, server.id, None)
            spec = current.spec | {"pinned_availability_zone": wanted["availability_zone"]}
            await servers.write(tx, current, datetime.now(UTC), spec)
    return Reply(answer.body, answer.status)


async def _elsewhere(call: Call, server: Resource, binding: Binding) -> Reply:
    """Look for the image, then write down what shall be."""
    offered = await call.use.directory.backend_flavors(binding.backend_id)
    server_moves.require_movable(server, binding, has_flavor=server.spec["flavorRef"] in offered)
    shelved = await _shelved(call, server)
    async with call.region.write() as tx:
        await server_moves.begin(tx, call.caller, server, binding, shelved, datetime.now(UTC))
        tx.ring = True
    return Reply(None, 202)


async def _shelved(call: Call, server: Resource) -> Shelved:
    """What its cloud knows of it. Raises Unavailable, and Conflict with its words."""
    zone, backend_id = server.availability_zone, str(server.backend_id)
    keys = [(Kind.SERVER, server.id), *((Kind.VOLUME, entry["volumeId"]) for entry in server.spec["volumes"])]
    async with call.region.read() as tx:
        there = await realizations.external_ids(tx, backend_id, keys)
        image = await server_shelving.image(tx, server)
    if image is not None and image.status in ("queued", "saving"):
        await realized(call, image)
    wanting = server_shelving.IMAGE not in server.spec
    try:
        opened = await call.use.backends.open(call.region.id, backend_id)
        async with call.use.backends.call(backend_id):
            return await _told(opened.driver, server, there, wanting=wanting)
    except (Transient, LookupError) as silent:
        words = f"Availability zone {zone} does not answer at the moment. Try again later."
        raise Unavailable(words) from silent
    except DriverError as refused:
        raise Conflict(f"Availability zone {zone}: {refused.message}") from refused


async def _told(driver: Driver, server: Resource, there: Mapping[Key, str], *, wanting: bool) -> Shelved:
    """One look for the image, if it is not known and the disk is no volume, and one for the devices of volumes."""
    external_id = there.get((Kind.SERVER, server.id))
    if external_id is None:
        return Shelved()
    rooted = server_disks.boots_from_volume(server.spec["block_device_mapping_v2"])
    snapshot = await driver.shelved_image(external_id) if wanting and not rooted else None
    if not server.spec["volumes"]:
        return Shelved(snapshot)
    answer = await driver.call(Kind.SERVER, external_id, "GET", "/os-volume_attachments")
    attached = (answer.body or {}).get("volumeAttachments", [])
    devices = {one["volumeId"]: one.get("device") for one in attached}
    known = {i: devices.get(external) for (kind, i), external in there.items() if kind is Kind.VOLUME}
    return Shelved(snapshot, {volume_id: device for volume_id, device in known.items() if device})

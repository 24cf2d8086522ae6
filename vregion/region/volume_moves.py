"""Volumes that follow a shelved server into another zone: each is copied there, and stays what it is until it is there.

Called by `server_moves` (the beginning and both ends) and by whatever observes volumes. While `spec[MOVING]` is there
the volume has two realizations: its home, which nobody touches, and the copy that is being made as any copy is
(`volume_copies`). The server waits for the copy as for any volume. When it is ACTIVE the copy is the volume, and the
old one is unwanted; if it comes to nothing, the copy is. See docs/adr/0021. No cloud is asked here.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vregion.model.backend import Binding
from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Conflict
from vregion.model.resource import Kind, Resource, State
from vregion.region import attachments, realizations, resources, volume_copies, volume_types, volumes
from vregion.region.regions import Transaction
from vregion.region.volume_copies import BOOTABLE, COPIED, COPY, MOVING

MOVED = "vregion:moved"  # it has followed a server once: a late look at a place that it has left may come


async def follow(tx: Transaction, caller: Caller, server: Resource, binding: Binding, now: datetime) -> list[str]:
    """All volumes of the server shall be in that zone, too; their ids. Raises Conflict for one that cannot."""
    entries = {entry["volumeId"]: entry for entry in server.spec["volumes"]}
    found = await resources.find_many(tx, Kind.VOLUME, sorted(entries))
    for volume_id, entry in entries.items():
        volume = await volumes.hold(tx, found[volume_id]) if volume_id in found else None
        if volume is None or (reason := await _bound(tx, server, volume, entry, binding)):
            words = f"Server {server.id} cannot be unshelved in availability zone {binding.availability_zone}: "
            raise Conflict(f"{words}volume {volume_id} cannot follow it: {reason if volume else 'it is gone'}.")
        await _begin(tx, caller, volume, binding, now)
    return list(entries)


async def arrive(tx: Transaction, server: Resource, entry: Mapping[str, Any], left: str, now: datetime) -> None:
    """The server is ACTIVE with the copy of this one: the copy is the volume now, and the old one goes."""
    volume = await volumes.hold(tx, await resources.get(tx, Kind.VOLUME, entry["volumeId"]))
    moving = volume.spec[MOVING]
    await volume_copies.clear(tx, volume, now)
    spec = _plain(volume) | {COPIED: moving["copied"], BOOTABLE: moving["bootable"], "attachments": []}
    place = {"backend_id": moving["backend"], "availability_zone": moving["zone"], "status": "available"}
    volume = await volumes.write(tx, volume, now, spec=spec, generation=volume.generation + 1, **place)
    await attachments.clear(tx, volume.id)
    await volumes.reserve_attach(tx, volume, server.id, entry["attachment_id"], now)
    await volumes.attached(tx, volume, server.id, entry.get("device") or "", now)
    await realizations.unwant(tx, Kind.VOLUME, volume.id, now, left)


async def stay(tx: Transaction, volume_id: str, now: datetime) -> None:
    """It stays where it was, and is what it was; the copy goes."""
    found = await resources.find(tx, Kind.VOLUME, volume_id)
    if found is None or MOVING not in found.spec:
        return
    volume = await volumes.hold(tx, found)
    moving = volume.spec[MOVING]
    await volume_copies.clear(tx, volume, now)
    await realizations.forget_needs(tx, Kind.VOLUME, volume.id)
    volume = await volumes.write(tx, volume, now, spec=_plain(volume), status=moving["status"])
    await realizations.unwant(tx, Kind.VOLUME, volume.id, now, moving["backend"])
    await volumes.look_again(tx, volume, now)
    if await _at_home(tx, volume, State.LOST):
        await volumes.lost(tx, volume)


async def settled(tx: Transaction, volume: Resource, observed: Observed) -> None:
    """One of its realizations was seen. Only its home's is the tenant's to see, and while it moves not even that."""
    volume = await volumes.hold(tx, volume)
    if MOVED not in volume.spec:
        await volumes.settled(tx, volume, observed)
        return
    home = await realizations.on_backend(tx, Kind.VOLUME, volume.id, str(volume.backend_id))
    at_home = home is not None and home.external_id == observed.external_id
    if MOVING not in volume.spec:
        if at_home:
            await volumes.settled(tx, volume, observed)
    elif not at_home and observed.settled and not observed.failed and COPY in volume.spec:
        now = datetime.now(UTC)
        await volume_copies.clear(tx, volume, now)
        await realizations.forget_needs(tx, Kind.VOLUME, volume.id)
        await volumes.write(tx, volume, now, spec={k: v for k, v in volume.spec.items() if k != COPY})


async def stopped(tx: Transaction, volume: Resource, reason: str) -> None:
    """A backend refused something of it for good. A copy's end is its server's to tell, which waits for it."""
    if MOVED not in volume.spec or await _at_home(tx, volume, State.ERROR):
        await volumes.stopped(tx, volume, reason)


async def lost(tx: Transaction, volume: Resource) -> None:
    """A healthy backend has it no more. While it moves, that is told only when it is to stay."""
    if MOVED not in volume.spec or await _at_home(tx, volume, State.LOST):
        await volumes.lost(tx, volume)


async def _at_home(tx: Transaction, volume: Resource, state: State) -> bool:
    """Whether its home has come to this state, and it is to stay there."""
    home = await realizations.on_backend(tx, Kind.VOLUME, volume.id, str(volume.backend_id))
    return MOVING not in volume.spec and home is not None and home.state is state


def _plain(volume: Resource) -> dict[str, Any]:
    return {name: value for name, value in volume.spec.items() if name not in (MOVING, COPY)}


async def _begin(tx: Transaction, caller: Caller, volume: Resource, binding: Binding, now: datetime) -> None:
    """Write down the copy, and that it is expected there. Nobody does anything else with the volume meanwhile."""
    begun = await volume_copies.begin(tx, caller, volume, volume, volume.spec, now)
    moving = {
        "backend": binding.backend_id,
        "zone": binding.availability_zone,
        "status": volume.status,
        "copied": begun[COPIED],
        "bootable": begun[BOOTABLE],
    }
    spec = volume.spec | {COPY: begun[COPY], MOVING: moving, MOVED: True}
    await volumes.write(tx, volume, now, spec=spec, status=volumes.MAINTENANCE)
    await realizations.expect(tx, Kind.VOLUME, volume.id, binding.backend_id)


async def _bound(
    tx: Transaction, server: Resource, volume: Resource, entry: Mapping[str, Any], binding: Binding
) -> str | None:
    """Why it cannot follow, if it cannot."""
    spec, kind = volume.spec, volume_types.of(volume)
    if volume.deleting or entry.get("detaching") or volume.status not in ("in-use", "reserved"):
        return f"it is {'detaching' if entry.get('detaching') else volume.status}"
    if spec.get("encrypted"):
        return "it is encrypted, and its key stays where it is"
    if str(spec.get(volumes.READONLY)).lower() == "true":
        return "it is read-only"
    if spec.get("group_id"):
        return f"its group {spec['group_id']} stays together"
    if any(row.spec["instance"] != server.id for row in await attachments.of_volume(tx, volume.id)):
        return "it is attached to something else, too"
    if not volume_types.having([binding], {"name": kind[0], "id": kind[1]}):
        return f"there is no volume type {kind[0]} in {binding.availability_zone}"
    if snapshots := await resources.children(tx, Kind.SNAPSHOT, volume.id):
        return f"its snapshots would be lost: {', '.join(sorted(snapshot.id for snapshot in snapshots))}"
    if len(await realizations.of_resource(tx, Kind.VOLUME, volume.id)) != 1:
        return "what is left of an earlier move is still being taken away"
    if await realizations.needed_on(tx, (Kind.VOLUME, volume.id), str(volume.backend_id), [(Kind.SERVER, server.id)]):
        return "something is being made of it"
    return None

"""What being shelved makes of a server's other rows: the image of its disk comes and goes, its volumes are looked at.

Called by `servers` with what was seen, and by `server_moves`. Level, not edge: while a server is seen shelved, the
image that its Nova has made by then is a row of its project, whoever asked for it. Whoever dies, there is one or none.
The image itself is Nova's, which makes it and takes it away: no rule here deletes it. No cloud is asked here.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Conflict, OverQuota
from vregion.model.resource import Kind, Resource, State
from vregion.region import images, leases, realizations, server_disks
from vregion.region.image_data import ADOPT_AFTER
from vregion.region.regions import Transaction

IMAGE = "shelved_image"  # in a server's spec: the id of the image
DEVICES = "vregion:devices"  # in what is seen of one that comes back: its volumes' devices, by external ids
_STATES = ("shelved", "shelved_offloaded")


def is_shelved(states: Mapping[str, Any]) -> bool:
    """By a server's spec."""
    return states["vm_state"] in _STATES


async def seen(
    tx: Transaction, server: Resource, spec: dict[str, Any], document: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """`spec` is the server's after this look, with the image and the devices that belong to it."""
    if spec["vm_state"] != server.spec["vm_state"] and (is_shelved(server.spec) or is_shelved(spec)):
        if not is_shelved(spec):
            spec = await _with_devices(tx, server, spec, document.get(DEVICES, {}))
        for entry in spec["volumes"]:
            await realizations.look(tx, (Kind.VOLUME, entry["volumeId"]), now)
    if not is_shelved(spec):
        await forget(tx, server, now)
        return {name: value for name, value in spec.items() if name != IMAGE}
    if IMAGE in spec or server_disks.boots_from_volume(spec["block_device_mapping_v2"]):
        return spec
    with contextlib.suppress(OverQuota):
        return spec | {IMAGE: (await _create(tx, server, now)).id}
    return spec


async def image(tx: Transaction, server: Resource) -> Resource | None:
    """The image of a shelved server; None when it has none, or its tenant has deleted it."""
    image_id = server.spec.get(IMAGE)
    return await images.present(tx, image_id) if image_id else None


async def whole(tx: Transaction, server: Resource, snapshot: Observed | None, now: datetime) -> Resource | None:
    """The image with its bytes; `snapshot` is what its cloud has just told of it, where the row does not know yet.

    None for a server that boots from a volume. Raises OverQuota, and Conflict when there is no image.
    """
    if server_disks.boots_from_volume(server.spec["block_device_mapping_v2"]):
        return None
    found = await image(tx, server)
    if found is None and IMAGE not in server.spec:
        found = await _create(tx, server, now)
    if found is not None and found.status in ("queued", "saving") and snapshot is not None:
        key, place = (Kind.IMAGE, found.id), str(found.backend_id)
        there = await leases.seize(tx, key, place, "unshelve", now, now + ADOPT_AFTER)
        if there is not None:
            columns = {"external_id": snapshot.external_id, "state": State.READY, "generation": found.generation}
            await leases.finish(tx, there, None, **columns)
            await images.settled(tx, found, snapshot)
            found = await images.present(tx, found.id)
    if found is None or found.status != "active":
        raise Conflict(f"Availability zone {server.availability_zone} has no image of shelved server {server.id}.")
    return found


async def forget(tx: Transaction, server: Resource, now: datetime) -> None:
    """The server is up again, or on its way out. Its cloud takes the image away, we our copies and the row."""
    found = await image(tx, server)
    if found is None:
        return
    home = await realizations.on_backend(tx, Kind.IMAGE, found.id, str(found.backend_id))
    if home is not None:
        found = replace(found, spec=found.spec | {images.REGISTERED: {home.backend_id: home.external_id}})
    await images.remove(tx, found, now)


async def _create(tx: Transaction, server: Resource, now: datetime) -> Resource:
    """As Nova names it (nova 34.0.0 `compute/api.py` shelve). It is looked for when the server has come to rest."""
    owner = Caller(server.user_id, server.project_id, "", tx.region_id, frozenset(), "")
    wanted = {
        "name": f"{server.name}-shelved",
        "visibility": "private",
        "image_type": "snapshot",
        "instance_uuid": server.id,
        "base_image_ref": server.spec["imageRef"],
        images.MADE_THERE: True,
        images.OF_SERVER: server.id,
    }
    made = await images.create(tx, owner, wanted, now)
    place = {"availability_zone": server.availability_zone, "backend_id": server.backend_id}
    made = await images.write(tx, made, now, **place)
    await realizations.need(tx, made, [(Kind.SERVER, server.id)])
    await realizations.want(tx, Kind.IMAGE, made.id, str(server.backend_id), now)
    return made


async def _with_devices(
    tx: Transaction, server: Resource, spec: dict[str, Any], told: Mapping[str, str]
) -> dict[str, Any]:
    found = await realizations.by_external_ids(tx, str(server.backend_id), Kind.VOLUME, list(told))
    devices = {there.resource_id: told[external] for external, there in found.items()}
    entries = [one | {"device": devices.get(one["volumeId"], one.get("device"))} for one in spec["volumes"]]
    return spec | {"volumes": entries}

"""Images of servers that boot from a volume: a snapshot of each volume, and an image without bytes that names them.

Called by the compute API. All of it is rows of one transaction: the snapshots are made in the server's zone like any
others, and the image is active at once (nova 34.0.0 compute/api.py snapshot_volume_backed). A boot from such an image
(`server_boots`) makes volumes of the snapshots, as `server_disks.of_image` reads them.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from vregion.model.caller import Caller
from vregion.model.refusals import OverQuota
from vregion.model.resource import Kind, Resource
from vregion.region import images, resources, snapshots
from vregion.region.regions import Transaction

_MAPPING = (
    "source_type", "destination_type", "guest_format", "device_type", "disk_bus", "boot_index", "device_name",
    "delete_on_termination", "snapshot_id", "volume_id", "volume_size", "image_id", "no_device", "tag", "volume_type",
    "encrypted", "encryption_secret_uuid", "encryption_format", "encryption_options",
)  # fmt: skip
_FACTS: Mapping[str, Any] = {
    "size": 0,
    "checksum": hashlib.md5(b"", usedforsecurity=False).hexdigest(),
    "os_hash_algo": "sha512",
    "os_hash_value": hashlib.sha512(b"").hexdigest(),
}


def boots_from_volume(server: Resource) -> bool:
    """Whether its root disk is a volume."""
    disks = server.spec["block_device_mapping_v2"]
    return any(disk["boot_index"] == 0 and disk["destination_type"] == "volume" for disk in disks)


async def create(
    tx: Transaction, caller: Caller, server: Resource, name: str, told: Mapping[str, str], now: datetime
) -> Resource:
    """The snapshots and the image that names them. Raises OverQuota, and Invalid for a volume that is on its way."""
    disks = {disk.get("uuid"): disk for disk in server.spec["block_device_mapping_v2"]}
    owner = replace(caller, project_id=server.project_id)
    attached = {volume["volumeId"]: volume for volume in server.spec["volumes"]}
    mapping = [_entry(disk) for disk in disks.values() if disk["destination_type"] != "volume"]
    found = await resources.find_many(tx, Kind.VOLUME, attached)
    for volume_id, volume in found.items():
        description = volume.spec.get("description")
        wanted = {"volume_id": volume_id, "name": f"snapshot for {name}", "description": description, "force": True}
        try:
            snapshot = await snapshots.create(tx, owner, wanted, now)
        except OverQuota as over:
            raise OverQuota("Quota exceeded for resources: snapshots", status=403) from over
        mapping.append(_of_snapshot(disks.get(volume_id, {}), attached[volume_id], volume, snapshot))
    root = next((entry for entry in mapping if entry["boot_index"] == 0), None)
    properties = {
        "base_image_ref": "",
        **told,
        "block_device_mapping": orjson.dumps(mapping).decode(),
        "bdm_v2": "True",
    }
    if root and root["device_name"]:
        properties["root_device_name"] = root["device_name"]
    record: dict[str, Any] = {"name": name, "visibility": "private", "disk_format": "raw", "container_format": "bare"}
    least = {"min_disk": root["volume_size"] if root else 0}
    image = await images.create(tx, caller, {**record, **least, **properties}, now)
    return await images.write(tx, image, now, status="active", spec={**image.spec, **_FACTS})


def _of_snapshot(
    disk: Mapping[str, Any], attached: Mapping[str, Any], volume: Resource, snapshot: Resource
) -> dict[str, Any]:
    device = next((a.get("device") for a in volume.spec.get("attachments", [])), None)
    return _entry({
        "source_type": "snapshot",
        "destination_type": "volume",
        "snapshot_id": snapshot.id,
        "boot_index": disk["boot_index"] if disk.get("boot_index", -1) >= 0 else None,
        "device_type": disk.get("device_type"),
        "disk_bus": disk.get("disk_bus"),
        "delete_on_termination": attached["delete_on_termination"],
        "volume_size": volume.spec["size"],
        "device_name": disk.get("device_name") or device,
    })  # fmt: skip


def _entry(fields: Mapping[str, Any]) -> dict[str, Any]:
    """All of Nova's fields of one device, those that are not known as null."""
    return {name: fields.get(name) for name in _MAPPING}

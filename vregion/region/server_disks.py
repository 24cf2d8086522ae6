"""Block devices of a new server: Nova's two syntaxes become one list, checked in Nova's words.

Called by `vregion.region.server_boots`. A volume that a server is to be made with is the tenant's own volume like any
other: it is made here first (from the image, the snapshot or nothing), and the backend's server gets it as one that
exists. So it has our id, our quota and our name for it from the first moment.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from vregion.model.refusals import Invalid

Disk = dict[str, Any]
_TRUE = frozenset({"true", "1", "on", "yes", "t", "y"})
_COPIED = ("device_name", "volume_size", "guest_format", "device_type", "disk_bus", "tag", "volume_type")


def truth(value: Any) -> bool:
    """oslo.utils strutils.bool_from_string."""
    return str(value).strip().lower() in _TRUE


def boots_from_volume(disks: Sequence[Disk]) -> bool:
    """Whether the first of a server's devices is a volume; a server without devices boots from its image."""
    return any(disk.get("boot_index") == 0 and disk["destination_type"] == "volume" for disk in disks)


def of_image(image: Mapping[str, Any] | None) -> list[Disk]:
    """The devices that an image defines by its properties: those of a server that booted from a volume."""
    if image is None or not image.get("block_device_mapping") or not truth(image.get("bdm_v2", "")):
        return []
    try:
        items = orjson.loads(image["block_device_mapping"])
        return [_modern(item, False) for item in items if not item.get("no_device")]
    except (orjson.JSONDecodeError, AttributeError, TypeError) as broken:
        raise _bad("Unrecognized legacy format.") from broken


def requested(server: Mapping[str, Any], flavor: Mapping[str, Any], defined: Sequence[Disk] = ()) -> list[Disk]:
    """The devices of a create body beside its image, each with source_type, destination_type and boot_index.

    Of those that the image defines a request may replace one by its device name (nova 34.0.0 _merge_bdms_lists).
    """
    legacy = server.get("block_device_mapping") or []
    modern = server.get("block_device_mapping_v2") or []
    if legacy and modern:
        raise Invalid("Using different block_device_mapping syntaxes is not allowed in the same request.")
    has_image = bool(server.get("imageRef"))
    disks = _legacy(legacy, server.get("imageRef")) if legacy else [_modern(item, has_image) for item in modern]
    disks = [disk for disk in disks if not disk.get("no_device")]
    if not has_image and not disks:
        raise Invalid("Missing imageRef attribute")
    if any(disk["boot_index"] == 0 for disk in defined):
        disks = [disk for disk in disks if not (disk["source_type"] == "image" and disk["boot_index"] == 0)]
    names = {disk["device_name"] for disk in disks if disk.get("device_name")}
    disks = [disk for disk in defined if disk.get("device_name") not in names] + disks
    if disks:
        _check(disks, flavor)
    return disks


def _modern(item: Mapping[str, Any], has_image: bool) -> Disk:
    if item.get("no_device"):
        return {"no_device": True}
    source, target = item.get("source_type"), item.get("destination_type")
    named = item.get("uuid") or item.get(f"{source}_id")
    index = -1 if item.get("boot_index") is None else int(item["boot_index"])
    if source is None:
        raise _bad("Invalid source_type field.")
    if source == "blank" and item.get("uuid"):
        raise _bad("Invalid device UUID.")
    if source != "blank" and not named:
        raise _bad("Missing device UUID.")
    if source == "image" and target == "local" and not (has_image and index == 0):
        raise _bad("Mapping image to local is not supported.")
    if item.get("volume_type") and target == "local":
        raise _bad("Specifying a volume_type with destination_type=local is not supported.")
    if item.get("volume_type") and source == "volume":
        raise _bad("Specifying volume type to existing volume is not supported.")
    return _disk(item, source, target or ("volume" if source in ("volume", "snapshot") else "local"), named, index)


def _legacy(items: Sequence[Mapping[str, Any]], image_id: str | None) -> list[Disk]:
    """The first volume or snapshot is the root, unless an image is, which the newer syntax lists as well."""
    disks: list[Disk] = []
    rooted = bool(image_id)
    if image_id:
        disks.append(_disk({"delete_on_termination": True}, "image", "local", image_id, 0))
    for item in items:
        virtual = item.get("virtual_name") or ""
        if item.get("no_device"):
            continue
        if virtual == "swap" or virtual.startswith("ephemeral"):
            form = {"guest_format": "swap"} if virtual == "swap" else {}
            disks.append(_disk({**item, **form}, "blank", "local", None, -1))
            continue
        source = "snapshot" if item.get("snapshot_id") else "volume"
        if not item.get(f"{source}_id"):
            raise _bad("Unrecognized legacy format.")
        disks.append(_disk(item, source, "volume", item[f"{source}_id"], -1 if rooted else 0))
        rooted = True
    return disks


def _disk(item: Mapping[str, Any], source: str, target: str, named: str | None, index: int) -> Disk:
    disk = {key: item[key] for key in _COPIED if item.get(key) is not None}
    if "volume_size" in disk:
        disk["volume_size"] = int(disk["volume_size"])
    keeps = target == "local"  # Nova's own default: what it makes of nothing goes with the server
    if item.get("delete_on_termination") is not None:
        keeps = truth(item["delete_on_termination"])
    disk |= {"source_type": source, "destination_type": target, "boot_index": index, "delete_on_termination": keeps}
    return disk | ({"uuid": named} if named else {})


def _check(disks: Sequence[Disk], flavor: Mapping[str, Any]) -> None:
    """nova 34.0.0 nova/compute/api.py _validate_bdm; existence is checked where the rows are."""
    indexes = sorted(d["boot_index"] for d in disks if d["boot_index"] >= 0)
    if indexes != list(range(len(indexes))) or not indexes:
        words = "Boot sequence for the instance and image/block device mapping combination is not valid."
        raise _bad(words)
    for disk in disks:
        if disk["destination_type"] == "volume" and not disk.get("volume_size"):
            if disk["source_type"] == "image":
                raise _bad("Images with destination_type 'volume' need to have a non-zero size specified")
            if disk["source_type"] == "blank":
                raise _bad("Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size")
    local = [d for d in disks if d["source_type"] == "blank" and d["destination_type"] == "local"]
    swaps = [d for d in local if d.get("guest_format") == "swap"]
    ephemeral = sum(d.get("volume_size") or flavor["ephemeral"] for d in local if d not in swaps)
    if ephemeral > flavor["ephemeral"]:
        raise Invalid(
            "Ephemeral disks requested are larger than the instance type allows. "
            "If no size is given in one block device mapping, flavor ephemeral size will be used."
        )
    if len(swaps) > 1:
        raise _bad("More than one swap drive requested.")
    if swaps and swaps[0].get("volume_size", 0) > flavor["swap"]:
        raise Invalid("Swap drive requested is larger than instance type allows.")


def _bad(details: str) -> Invalid:
    return Invalid(f"Block Device Mapping is Invalid: {details}")

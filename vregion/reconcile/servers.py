"""How a server is made on a backend and kept as its tenant wants it. All else is the loop's and the region's."""

from dataclasses import replace
from typing import Any

from vregion.model.observed import Observed
from vregion.model.resource import Kind, Resource
from vregion.reconcile.recipe import Recipe, References
from vregion.reconcile.work import Work
from vregion.region import server_moves, server_shelving

_CREATE = (
    "name", "metadata", "user_data", "config_drive", "accessIPv4", "accessIPv6", "OS-DCF:diskConfig", "adminPass",
    "personality", "tags", "description", "hostname", "trusted_image_certificates",
)  # fmt: skip
_UPDATE = ("name", "description", "accessIPv4", "accessIPv6", "OS-DCF:diskConfig", "hostname", "metadata", "tags")
_OF_IMAGE = {"source_type": "image", "destination_type": "local", "boot_index": 0, "delete_on_termination": True}
_SERVERS_IN_HINTS = ("same_host", "different_host")


def body(server: Resource, references: References) -> dict[str, Any]:
    """Nova's create body with external ids. Volumes and ports exist by now; the backend makes none of its own."""
    spec = _moved(server.spec) if server.spec.get("moving") else server.spec
    wanted = {name: spec[name] for name in _CREATE if name in spec}
    wanted["flavorRef"] = references[Kind.FLAVOR, spec["flavorRef"]]
    wanted["networks"] = _networks(spec["networks"], references)
    if spec["imageRef"] and not spec.get("image_of_volumes"):
        wanted["imageRef"] = references[Kind.IMAGE, spec["imageRef"]]
    if spec["keypair"]:
        wanted["key_name"] = references[Kind.KEYPAIR, spec["keypair"]]
    if spec["block_device_mapping_v2"]:
        wanted["block_device_mapping_v2"] = [_disk(disk, references) for disk in spec["block_device_mapping_v2"]]
    if hints := _hints(spec.get("os:scheduler_hints", {}), references):
        wanted["os:scheduler_hints"] = hints
    return wanted


def _moved(spec: dict[str, Any]) -> dict[str, Any]:
    """A shelved server that comes up elsewhere: its image is the snapshot, its volumes are those that it has now."""
    moving = spec["moving"]
    disks = [disk for disk in spec["block_device_mapping_v2"] if disk["destination_type"] == "local"]
    disks = [disk | {"uuid": moving["image"]} if disk["source_type"] == "image" else disk for disk in disks]
    following = _following(spec)
    if following and moving["image"] and not any(disk["source_type"] == "image" for disk in disks):
        disks.insert(0, _OF_IMAGE | {"uuid": moving["image"]})
    hints = {k: v for k, v in spec.get("os:scheduler_hints", {}).items() if k != "group" or moving["group"]}
    given = {"imageRef": moving["image"], "keypair": moving["keypair"]}
    return {**spec, **given, "block_device_mapping_v2": disks + following, "os:scheduler_hints": hints}


def _following(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Its volumes in the order of their devices: Nova's libvirt driver names devices anew, in the order given."""
    made_with = {disk["uuid"]: disk for disk in spec["block_device_mapping_v2"] if disk["source_type"] == "volume"}
    devices = spec["moving"]["devices"]
    disks = []
    for entry in spec["volumes"]:
        volume_id = entry["volumeId"]
        before = made_with.get(volume_id, {})
        disk = before | {"source_type": "volume", "destination_type": "volume", "uuid": volume_id}
        disk |= {"delete_on_termination": entry["delete_on_termination"]}
        disk |= {"boot_index": 0 if before.get("boot_index") == 0 else -1}
        told = {"device_name": devices.get(volume_id), "tag": entry.get("tag")}
        disks.append(disk | {name: value for name, value in told.items() if value})
    return sorted(disks, key=lambda disk: (disk["boot_index"] != 0, _place(disk.get("device_name"))))


def _place(device: str | None) -> tuple[int, str]:
    """/dev/vdz comes before /dev/vdaa; what has no name comes last."""
    return (len(device), device) if device else (1 << 10, "")


def update(server: Resource, references: References) -> dict[str, Any]:
    """What a tenant can change of a server without an action."""
    return {name: server.spec[name] for name in _UPDATE if name in server.spec}


def _networks(wanted: Any, references: References) -> Any:
    if wanted == "none":
        return wanted
    return [item | {"port": references[Kind.PORT, item["port"]]} for item in wanted]


def _disk(disk: dict[str, Any], references: References) -> dict[str, Any]:
    kinds = {"image": Kind.IMAGE, "volume": Kind.VOLUME}
    kind = kinds.get(disk["source_type"])
    return disk | {"uuid": references[kind, disk["uuid"]]} if kind else disk


def _hints(wanted: dict[str, Any], references: References) -> dict[str, Any]:
    """Group and servers by the backend's ids. A server in another zone is on another host by nature: it is left out."""
    hints = dict(wanted)
    if group := hints.get("group"):
        one = group[0] if isinstance(group, list) else group
        hints["group"] = references[Kind.SERVER_GROUP, one]
    for name in _SERVERS_IN_HINTS:
        if name in hints:
            named = [hints[name]] if isinstance(hints[name], str) else hints[name]
            here = [references[Kind.SERVER, i] for i in named if (Kind.SERVER, i) in references]
            hints = {k: v for k, v in hints.items() if k != name} | ({name: here} if here else {})
    return hints


async def fill(work: Work, observed: Observed) -> Observed:
    """A server that comes back from the shelf: Nova has named the devices of volumes that had none (nova 34.0.0
    `compute/manager.py` _add_missing_dev_names), and says so of its attachments alone.
    """
    server, seen = work.resource, observed.document
    assert server is not None
    if not server.spec["volumes"] or not server_shelving.is_shelved(server.spec) or not observed.settled:
        return observed
    if server_shelving.is_shelved({"vm_state": seen["OS-EXT-STS:vm_state"]}):
        return observed
    answer = await work.driver.call(Kind.SERVER, observed.external_id, "GET", "/os-volume_attachments")
    attached = (answer.body or {}).get("volumeAttachments", [])
    devices = {one["volumeId"]: one["device"] for one in attached if one.get("device")}
    return replace(observed, document={**seen, server_shelving.DEVICES: devices})


def stillborn(server: Resource, observed: Observed) -> bool:
    """Never launched, and no volume of the tenant's would go with it."""
    takes_volumes = any(volume["delete_on_termination"] for volume in server.spec["volumes"])
    return observed.document.get("OS-SRV-USG:launched_at") is None and not takes_volumes


RECIPE = Recipe(
    kind=Kind.SERVER,
    body=body,
    update=update,
    fill=fill,
    settled=server_moves.settled,
    stopped=server_moves.stopped,
    vanished=server_moves.vanished,
    lost=server_moves.lost,
    stillborn=stillborn,
    full="No valid host was found. There are not enough hosts available. ",
)

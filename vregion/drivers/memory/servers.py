"""Servers: what a create must name, what a show answers, what a delete lets go. Actions are in `server_actions`.

`extra` of a server row: `ports` and `attachments` in device order, `content` of its disk, its `flavor`.
"""

import hashlib
from dataclasses import replace
from typing import Any, ClassVar

from vregion.drivers.contract import Answer, Flavor, Observed, Permanent, Unsupported
from vregion.drivers.memory import attachments, labels, room, server_actions, server_attachments
from vregion.drivers.memory.cloud import Row
from vregion.drivers.memory.collection import MemoryCollection
from vregion.drivers.memory.marks import InTag
from vregion.drivers.memory.server_actions import set_state
from vregion.drivers.memory.volumes import Volumes, attach, detach
from vregion.model.resource import Kind

_DEFAULTS: dict[str, Any] = {
    "accessIPv4": "", "accessIPv6": "", "OS-DCF:diskConfig": "MANUAL", "progress": 0, "hostId": "", "locked": False,
    "locked_reason": None, "OS-EXT-AZ:availability_zone": "", "OS-SRV-USG:launched_at": None,
    "OS-SRV-USG:terminated_at": None, "trusted_image_certificates": None, "server_groups": [],
    "security_groups": [{"name": "default"}],
}  # fmt: skip

# Nova took files until microversion 2.56; these fields are newer (nova/api/openstack/compute/schemas/servers.py).
_AFTER_FILES = frozenset({"trusted_image_certificates", "host", "hypervisor_hostname", "hostname"})
_KNOWN = _AFTER_FILES | {
    "name", "flavorRef", "imageRef", "networks", "key_name", "availability_zone", "metadata", "tags", "description",
    "config_drive", "user_data", "adminPass", "accessIPv4", "accessIPv6", "OS-DCF:diskConfig", "security_groups",
    "block_device_mapping_v2", "os:scheduler_hints", "personality", "min_count", "max_count",
}  # fmt: skip


# What a server of a cloud without guests says below itself.
_KNOWN_PARTS = {
    ("GET", "topology"): Answer(200, {"nodes": [], "pagesize_kb": None}),
    ("GET", "os-server-password"): Answer(200, {"password": ""}),
    ("DELETE", "os-server-password"): Answer(204, None),
}


class Servers(MemoryCollection):
    """Nova's servers."""

    kind = Kind.SERVER
    mark = InTag()
    required = ("name", "flavorRef")
    mutable: ClassVar[frozenset[str]] = frozenset({
        "name", "description", "accessIPv4", "accessIPv6", "OS-DCF:diskConfig", "hostname", "metadata", "tags",
    })  # fmt: skip

    def make(self, body: dict[str, Any], mark: str | None) -> Row:
        flavor = server_actions.flavor_of(self.cloud, body["flavorRef"])
        image = server_actions.image_of(self.cloud, self.project, body["imageRef"]) if body.get("imageRef") else None
        if image and flavor.ram < image.document["min_ram"]:
            raise Permanent("Flavor's memory is too small for requested image.")
        disks = [disk for disk in body.get("block_device_mapping_v2", ()) if disk.get("destination_type") != "local"]
        if image is None and not disks:
            raise Permanent("Invalid imageRef provided.")
        self._check_names(body)
        group = self._group(body.get("os:scheduler_hints", {}).get("group"))
        ports = self._ports(body.get("networks"))
        for disk in disks:
            self._check_disk(disk)
        room.take(self.cloud, self.project, {"cores": flavor.vcpus, "ram": flavor.ram})
        row = self.add(self._document(body, flavor, image), mark)
        content = image.extra["content"] if image else None
        row.extra = {"ports": [], "attachments": [], "content": content, "flavor": flavor}
        for port in ports:
            self.bind(row, port)
        row.release = lambda: self._release(row)
        try:
            for position, disk in enumerate(disks):
                self._attach_disk(row, position, disk)
        except Permanent:
            self.cloud.remove(row)
            raise
        if group:
            group.document["members"].append(row.id)
            row.document["server_groups"] = [group.id]
        words = self.cloud.faults.next_build_error(self.kind)
        self.cloud.later(row, lambda: self._built(row, words))
        return row

    def change(self, row: Row, fields: dict[str, Any]) -> None:
        if "hostname" in fields:
            fields["OS-EXT-SRV-ATTR:hostname"] = fields.pop("hostname")
        row.document |= fields

    def discard(self, row: Row) -> None:
        server_actions.refuse_locked(row)
        if row.document["OS-EXT-STS:task_state"] == "deleting":
            return
        row.document |= {"OS-EXT-STS:task_state": "deleting"}
        self.cloud.touch(row)
        self.cloud.later(row, lambda: self.cloud.remove(row))

    def created(self, mark: str, body: dict[str, Any]) -> Observed:
        """Nova's answer to a create tells next to nothing."""
        seen = super().created(mark, body)
        told = {name: seen.document[name] for name in ("id", "OS-DCF:diskConfig", "security_groups")}
        return Observed(seen.external_id, told, settled=False)

    def render(self, row: Row) -> dict[str, Any]:
        """Addresses, groups and volumes are shown as they are at this moment."""
        document, ports = super().render(row), row.extra["ports"]
        document["addresses"] = self._addresses(ports)
        rows = self.cloud.rows[Kind.SECURITY_GROUP]
        names = {rows[group].document["name"] for port in ports for group in port.document["security_groups"]}
        if names:
            document["security_groups"] = [{"name": name} for name in sorted(names)]
        document["os-extended-volumes:volumes_attached"] = [
            {"id": one["volumeId"], "delete_on_termination": one["delete_on_termination"]}
            for one in row.extra["attachments"]
        ]
        return document

    def observe(self, row: Row) -> Observed:
        """A task says that Nova is at work, whatever the status."""
        seen = super().observe(row)
        return replace(seen, settled=seen.document["OS-EXT-STS:task_state"] is None)

    def call(self, row: Row, method: str, path: str, body: dict[str, Any]) -> Answer:
        part = path.strip("/").split("/")[0]
        if (method, part) == ("POST", "action"):
            return server_actions.act(self, row, body)
        if part in ("os-volume_attachments", "os-interface"):
            return server_attachments.call(self, row, method, path, body)
        if part in ("metadata", "tags"):
            answer = labels.call(row, method, path, body)
            if method != "GET":
                self.cloud.touch(row)
            return answer
        if (method, part) == ("POST", "remote-consoles"):
            raise Permanent(f"Unavailable console type {body['remote_console']['type']}.")
        if known := _KNOWN_PARTS.get((method, part)):
            return known
        return super().call(row, method, path, body)

    def bind(self, row: Row, port: Row) -> None:
        """The port is the server's; it goes up when the server is there."""
        up = "ACTIVE" if row.document["status"] == "ACTIVE" else "DOWN"
        port.document |= {"device_id": row.id, "device_owner": f"compute:{self.cloud.availability_zone}", "status": up}
        row.extra["ports"].append(port)
        self.cloud.touch(port)

    def unbind(self, row: Row, port: Row) -> None:
        """The port stays, free again."""
        port.document |= {"device_id": "", "device_owner": "", "status": "DOWN"}
        row.extra["ports"].remove(port)
        self.cloud.touch(port)

    def free_port(self, external_id: str) -> Row:
        """A port that can be bound."""
        port = self.cloud.visible(Kind.PORT, external_id, self.project)
        if port is None:
            raise Permanent(f"Port id {external_id} could not be found.")
        if port.document["device_id"]:
            raise Permanent(f"Port {external_id} is still in use.", 409)
        if not port.document["fixed_ips"]:
            raise Permanent(f"Port {external_id} requires a FixedIP in order to be used.")
        return port

    def _document(self, body: dict[str, Any], flavor: Flavor, image: Row | None) -> dict[str, Any]:
        document: dict[str, Any] = _DEFAULTS | {
            "name": body["name"],
            "flavor": server_actions.flavor_document(flavor),
            "image": {"id": image.id, "properties": {}} if image else "",
            "metadata": body.get("metadata", {}),
            "tenant_id": self.project,
            "user_id": self.project,
            "config_drive": "True" if body.get("config_drive") else "",
            "key_name": body.get("key_name"),
            "description": body.get("description"),
            "tags": sorted(body.get("tags", ())),
            "OS-EXT-SRV-ATTR:hostname": body.get("hostname", body["name"]),
            "pinned_availability_zone": body.get("availability_zone"),
            "scheduler_hints": body.get("os:scheduler_hints", {}),
        }
        document |= {name: body[name] for name in ("accessIPv4", "accessIPv6", "OS-DCF:diskConfig") if name in body}
        set_state(document, "building", "scheduling")
        return document

    def _check_names(self, body: dict[str, Any]) -> None:
        if "personality" in body and (newer := body.keys() & _AFTER_FILES):
            raise Unsupported(f"server.{min(newer)} with server.personality: no microversion has both")
        if unknown := body.keys() - _KNOWN:
            raise Permanent(f"Additional properties are not allowed ({min(unknown)!r} was unexpected)")
        key = body.get("key_name")
        if key is not None and not self.cloud.visible(Kind.KEYPAIR, key, self.project):
            raise Permanent("Invalid key_name provided.")
        if body.get("availability_zone") not in (None, self.cloud.availability_zone):
            raise Permanent("The requested availability zone is not available")

    def _group(self, wanted: str | None) -> Row | None:
        group = self.cloud.visible(Kind.SERVER_GROUP, wanted, self.project) if wanted else None
        if wanted and group is None:
            raise Permanent(f"Instance group {wanted} could not be found.")
        return group

    def _ports(self, networks: object) -> list[Row]:
        if networks in (None, "none"):
            return []
        if not isinstance(networks, list) or not all(one.get("port") for one in networks):
            raise Permanent("Invalid input for field/attribute networks: only ports and 'none' are understood here.")
        return [self.free_port(one["port"]) for one in networks]

    def _check_disk(self, disk: dict[str, Any]) -> None:
        source, wanted = disk["source_type"], disk.get("uuid")
        if source == "blank":
            return
        if source not in ("image", "snapshot", "volume"):
            raise Permanent(f"Invalid input for field/attribute source_type. Value: {source}.")
        row = self.cloud.visible(Kind(source), wanted, self.project)
        if row is None:
            raise Permanent(f"Block Device Mapping is Invalid: failed to get {source} {wanted}.")
        if source == "volume" and row.document["status"] != "available":
            raise Permanent(f"Invalid volume: volume '{wanted}' status must be 'available'. Currently in "
                            f"'{row.document['status']}' status")  # fmt: skip

    def _attach_disk(self, row: Row, position: int, disk: dict[str, Any]) -> None:
        """An existing volume, or a new one from what the mapping names."""
        rooms = Volumes(self.cloud, self.project)
        if disk["source_type"] == "volume":
            volume = self.cloud.rows[Kind.VOLUME][disk["uuid"]]
        else:
            origin = {"image": "imageRef", "snapshot": "snapshot_id"}.get(disk["source_type"])
            body = {"size": disk.get("volume_size"), "name": ""} | ({origin: disk["uuid"]} if origin else {})
            volume = rooms.make(body, None)
        root = disk.get("boot_index") in (0, "0")
        if root:
            row.extra["content"] = volume.extra["content"]
        first = "a" if row.document["image"] == "" else "b"
        device = disk.get("device_name") or f"/dev/vd{chr(ord(first) + position)}"
        attachment = attach(volume, row, device, bool(disk.get("delete_on_termination", False)))
        attachments.complete(self.cloud, volume, attachment)
        self.cloud.touch(volume)

    def _built(self, row: Row, error: str | None) -> None:
        if error:
            set_state(row.document, "error")
            row.document["fault"] = {"code": 500, "created": row.document["updated"], "message": error}
            row.extra["fault"] = error
            return
        set_state(row.document, "active")
        launched = self.cloud.clock().strftime("%Y-%m-%dT%H:%M:%S.%f")
        host = hashlib.sha224(f"{self.project}{self.cloud.name}".encode()).hexdigest()
        row.document |= {"OS-SRV-USG:launched_at": launched, "hostId": host}
        row.document["OS-EXT-AZ:availability_zone"] = self.cloud.availability_zone
        for port in row.extra["ports"]:
            port.document["status"] = "ACTIVE"
            self.cloud.touch(port)

    def _release(self, row: Row) -> None:
        row.document |= {"status": "DELETED", "OS-EXT-STS:vm_state": "deleted", "OS-EXT-STS:task_state": None}
        server_actions.forget_shelved(self.cloud, row)
        for port in list(row.extra["ports"]):
            self.unbind(row, port)
        for one in list(row.extra["attachments"]):
            volume = self.cloud.rows[Kind.VOLUME][one["volumeId"]]
            detach(volume, row)
            self.cloud.touch(volume)
            if one["delete_on_termination"]:
                self.cloud.remove(volume)
        for group in row.document["server_groups"]:
            if there := self.cloud.rows[Kind.SERVER_GROUP].get(group):
                there.document["members"].remove(row.id)

    def _addresses(self, ports: list[Row]) -> dict[str, list[dict[str, Any]]]:
        shown: dict[str, list[dict[str, Any]]] = {}
        for port in ports:
            network = self.cloud.rows[Kind.NETWORK][port.document["network_id"]].document["name"]
            for fixed in port.document["fixed_ips"]:
                address = {"addr": fixed["ip_address"], "version": 6 if ":" in fixed["ip_address"] else 4}
                extended = {"OS-EXT-IPS:type": "fixed", "OS-EXT-IPS-MAC:mac_addr": port.document["mac_address"]}
                shown.setdefault(network, []).append(address | extended)
        return shown

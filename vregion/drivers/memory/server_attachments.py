"""A server's volume attachments and interfaces: /os-volume_attachments and /os-interface below it."""

from typing import TYPE_CHECKING, Any

from vregion.drivers.contract import Answer, Permanent
from vregion.drivers.memory.attachments import complete, next_device
from vregion.drivers.memory.cloud import Row
from vregion.drivers.memory.server_actions import refuse_locked, require_state
from vregion.drivers.memory.volumes import attach, detach
from vregion.model.resource import Kind

if TYPE_CHECKING:
    from vregion.drivers.memory.servers import Servers

_VOLUME_STATES = frozenset({"active", "paused", "stopped", "resized", "shelved", "shelved_offloaded"})
_PORT_STATES = frozenset({"active", "paused", "stopped"})


def call(servers: "Servers", row: Row, method: str, path: str, body: dict[str, Any]) -> Answer:
    """GET, POST and DELETE; a volume or a port is named by its id in the path."""
    part, _, one = path.strip("/").partition("/")
    volumes = part == "os-volume_attachments"
    if method == "GET":
        return _volumes(row, one) if volumes else _interfaces(row, one)
    if method == "POST" and not one:
        return _attach_volume(servers, row, body) if volumes else _attach_port(servers, row, body)
    if method == "PUT" and volumes:
        return _update_volume(row, one, body)
    if method == "DELETE" and one:
        return _detach_volume(servers, row, one) if volumes else _detach_port(servers, row, one)
    raise Permanent("The resource could not be found.", 404)


def _volumes(row: Row, one: str) -> Answer:
    shown = [attachment for attachment in row.extra["attachments"] if one in ("", attachment["volumeId"])]
    if not one:
        return Answer(200, {"volumeAttachments": shown})
    if not shown:
        raise Permanent(f"Instance {row.id} is not attached to volume {one}", 404)
    return Answer(200, {"volumeAttachment": shown[0]})


def _attach_volume(servers: "Servers", row: Row, body: dict[str, Any]) -> Answer:
    """Reserved, and attached a moment later; at once and without a device while the server is offloaded, as nobody
    connects it (nova 34.0.0 compute/api.py `_attach_volume_shelved_offloaded`).
    """
    given = body["volumeAttachment"]
    require_state(row, _VOLUME_STATES, "attach_volume")
    refuse_locked(row)
    volume = servers.cloud.visible(Kind.VOLUME, given["volumeId"], servers.project)
    if volume is None:
        raise Permanent(f"Volume {given['volumeId']} could not be found.", 404)
    if there := [one["server_id"] for one in volume.document["attachments"]]:
        raise Permanent(f"Invalid volume: volume {volume.id} is already attached to instances: {', '.join(there)}")
    if (status := volume.document["status"]) != "available":
        raise Permanent(
            f"Invalid volume: volume '{volume.id}' status must be 'available'. Currently in '{status}' status"
        )
    offloaded = row.document["OS-EXT-STS:vm_state"] == "shelved_offloaded"
    device = given.get("device") or (None if offloaded else next_device(row))
    attachment = attach(volume, row, device, bool(given.get("delete_on_termination", False)))
    if offloaded:
        complete(servers.cloud, volume, attachment)
    else:
        servers.cloud.later(volume, lambda: complete(servers.cloud, volume, attachment))
    servers.cloud.touch(volume)
    servers.cloud.touch(row)
    shown = {name: attachment[name] for name in ("serverId", "volumeId", "device", "tag", "delete_on_termination")}
    return Answer(200, {"volumeAttachment": {"id": volume.id} | shown})


def _update_volume(row: Row, one: str, body: dict[str, Any]) -> Answer:
    """delete_on_termination alone can be changed."""
    _volumes(row, one)
    attachment = next(there for there in row.extra["attachments"] if there["volumeId"] == one)
    attachment["delete_on_termination"] = bool(body["volumeAttachment"]["delete_on_termination"])
    return Answer(202, None)


def _detach_volume(servers: "Servers", row: Row, one: str) -> Answer:
    _volumes(row, one)
    require_state(row, _VOLUME_STATES, "detach_volume")
    refuse_locked(row)
    volume = servers.cloud.rows[Kind.VOLUME][one]
    volume.document["status"] = "detaching"
    servers.cloud.touch(volume)
    servers.cloud.later(volume, lambda: detach(volume, row))
    return Answer(202, None)


def _interfaces(row: Row, one: str) -> Answer:
    shown = [_interface(port) for port in row.extra["ports"] if one in ("", port.id)]
    if not one:
        return Answer(200, {"interfaceAttachments": shown})
    if not shown:
        raise Permanent(f"Instance {row.id} does not have a port with id {one}", 404)
    return Answer(200, {"interfaceAttachment": shown[0]})


def _interface(port: Row) -> dict[str, Any]:
    document = port.document
    return {
        "net_id": document["network_id"],
        "port_id": port.id,
        "mac_addr": document["mac_address"],
        "port_state": document["status"],
        "fixed_ips": document["fixed_ips"],
        "tag": None,
    }


def _attach_port(servers: "Servers", row: Row, body: dict[str, Any]) -> Answer:
    require_state(row, _PORT_STATES, "attach_interface")
    refuse_locked(row)
    given = body.get("interfaceAttachment", {})
    if "port_id" not in given:
        raise Permanent("Invalid input: an interface is attached by port_id here.")
    port = servers.free_port(given["port_id"])
    servers.bind(row, port)
    servers.cloud.touch(row)
    return Answer(200, {"interfaceAttachment": _interface(port)})


def _detach_port(servers: "Servers", row: Row, one: str) -> Answer:
    """Nova answers 202 for a port that the server has not, too: the compute finds out later (seen on 33.0)."""
    require_state(row, _PORT_STATES, "detach_interface")
    refuse_locked(row)
    port = next((port for port in row.extra["ports"] if port.id == one), None)
    if port:
        servers.unbind(row, port)
        servers.cloud.touch(row)
    return Answer(202, None)

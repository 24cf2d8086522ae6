"""Trunks: a parent port that a server has, and sub-ports that reach the server through it, each under its own VLAN.

Called by the API and the trunk recipe. A trunk is in the zone of its parent port, and all its sub-ports with it:
`ports` places them when a server gets the parent, by the parent's `spec["trunk_details"]`, which is kept here. The
checks and their words are Neutron's (29.0.0 `services/trunk/rules.py`, `plugin.py`; as with ML2/OVS, a parent that is
bound stays as it is).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from vregion.model.backend import Binding
from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Conflict, Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import ports, realizations, resources, usages
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction

SubPort = dict[str, Any]
_VLANS = range(1, 4095)


def document(trunk: Resource) -> dict[str, Any]:
    """What a show answers."""
    return {
        "id": trunk.id,
        "name": trunk.name,
        **standard.owned(trunk),
        "admin_state_up": trunk.spec["admin_state_up"],
        "port_id": trunk.spec["port_id"],
        "status": trunk.status,
        "sub_ports": trunk.spec["sub_ports"],
        **standard.tail(trunk),
    }


async def get(tx: Transaction, caller: Caller, trunk_id: str) -> Resource:
    """A trunk of the caller's project. Raises NotFound."""
    trunk = await resources.find(tx, Kind.TRUNK, trunk_id)
    if trunk is None or trunk.deleting or not (caller.is_admin or trunk.project_id == caller.project_id):
        raise NotFound(f"Trunk {trunk_id} could not be found.", reason="TrunkNotFound")
    return trunk


async def hold(tx: Transaction, caller: Caller, trunk_id: str) -> Resource:
    """The trunk, to be changed. Raises NotFound."""
    await resources.lock(tx, Kind.TRUNK, trunk_id)
    return await get(tx, caller, trunk_id)


async def networks_behind(tx: Transaction, port_id: str | None) -> list[Resource]:
    """The networks of the sub-ports that a server gets with a port: they must reach its zone, too."""
    port = await resources.find(tx, Kind.PORT, port_id) if port_id else None
    details = (port.spec.get("trunk_details") if port else None) or {"sub_ports": ()}
    sub_ports = await resources.find_many(tx, Kind.PORT, [one["port_id"] for one in details["sub_ports"]])
    on = await resources.find_many(tx, Kind.NETWORK, [one.spec["network_id"] for one in sub_ports.values()])
    return list(on.values())


async def create(tx: Transaction, caller: Caller, wanted: dict[str, Any], now: datetime) -> Resource:
    """A trunk in no zone: its parent is no server's yet."""
    await resources.lock(tx, Kind.PORT, wanted["port_id"])
    parent = await ports.get(tx, caller, wanted["port_id"])
    if parent.spec.get("trunk_id"):
        raise _in_use(parent.id)
    if parent.spec.get("trunk_details") or parent.spec["server_id"] or parent.spec.get("router_id"):
        raise _no_parent(parent.id)
    spec = {**wanted, "sub_ports": [], "status": "DOWN", "revision_number": 0}
    trunk = standard.fresh(Kind.TRUNK, caller, spec, now, parent_id=parent.id)
    sub_ports = await _checked(tx, caller, parent, wanted["sub_ports"])
    await standard.reserve(tx, trunk.project_id, "trunk")
    trunk = await standard.insert(tx, trunk, document)
    return await _write(tx, trunk, sub_ports, now, revision=0)


async def update(
    tx: Transaction, caller: Caller, trunk_id: str, wanted: dict[str, Any], revision: int | None, now: datetime
) -> Resource:
    """Change name, description or state."""
    trunk = await hold(tx, caller, trunk_id)
    standard.check_revision(trunk, revision)
    columns = {"name": wanted.pop("name")} if "name" in wanted else {}
    if not wanted and not columns:
        return trunk
    return await standard.revise(tx, trunk, document, now, spec=wanted, **columns)


async def delete(tx: Transaction, caller: Caller, trunk_id: str, revision: int | None, now: datetime) -> None:
    """End a trunk; its ports stay."""
    trunk = await hold(tx, caller, trunk_id)
    standard.check_revision(trunk, revision)
    _require_enabled(trunk)
    parent = await resources.get(tx, Kind.PORT, trunk.spec["port_id"])
    if parent.spec["server_id"]:
        raise Conflict(f"Trunk {trunk_id} is currently in use.", reason="TrunkInUse")
    await _release(tx, trunk.spec["sub_ports"])
    await standard.note(tx, parent, ports.document, spec={"trunk_details": None})
    await usages.release(tx, trunk.project_id, {"trunk": 1})
    await standard.end(tx, trunk, now, vanished)


async def add_subports(
    tx: Transaction,
    caller: Caller,
    trunk_id: str,
    given: Sequence[SubPort],
    zones: Sequence[Binding],
    now: datetime,
) -> Resource:
    """More sub-ports. Where the trunk is, they come too; Conflict when their networks cannot. `zones`: the region's."""
    trunk = await hold(tx, caller, trunk_id)
    parent = await resources.get(tx, Kind.PORT, trunk.spec["port_id"])
    more = await _checked(tx, caller, parent, given)
    _require_enabled(trunk)
    if trunk.status == "ERROR":
        message = f"Trunk {trunk_id} is in error state. Attempt to resolve the error condition before proceeding."
        raise Conflict(message, reason="TrunkInErrorState")
    taken = {(one["segmentation_type"], one["segmentation_id"]) for one in trunk.spec["sub_ports"]}
    for kind, number in ((one["segmentation_type"], one["segmentation_id"]) for one in more):
        if (kind, number) in taken:
            message = f"segmentation_type {kind} and segmentation_id {number} already in use on trunk {trunk_id}."
            raise Conflict(message, reason="DuplicateSubPort")
    binding = next((zone for zone in zones if zone.backend_id == parent.backend_id), None)
    if binding is not None and await realizations.backends_of(tx, Kind.TRUNK, [trunk_id]):
        for one in more:
            await ports.place_subport(tx, await resources.get(tx, Kind.PORT, one["port_id"]), binding, now)
    return await _write(tx, trunk, [*trunk.spec["sub_ports"], *more], now)


async def remove_subports(
    tx: Transaction, caller: Caller, trunk_id: str, given: Sequence[SubPort], now: datetime
) -> Resource:
    """Fewer sub-ports; the ports stay."""
    trunk = await hold(tx, caller, trunk_id)
    _require_enabled(trunk)
    there = {one["port_id"]: one for one in trunk.spec["sub_ports"]}
    for one in given:
        if one["port_id"] not in there:
            message = f"SubPort {one['port_id']} on trunk {trunk_id} could not be found."
            raise NotFound(message, reason="SubPortNotFound")
    gone = {one["port_id"] for one in given}
    await _release(tx, [there[port_id] for port_id in sorted(gone)])
    return await _write(tx, trunk, [one for one in trunk.spec["sub_ports"] if one["port_id"] not in gone], now)


async def _write(
    tx: Transaction, trunk: Resource, sub_ports: Sequence[SubPort], now: datetime, revision: int | None = None
) -> Resource:
    """The trunk has these: its row, its ports' rows, what it needs, and where it is."""
    known = await resources.find_many(tx, Kind.PORT, [one["port_id"] for one in sub_ports])
    for one in known.values():
        await standard.note(tx, one, ports.document, spec={"trunk_id": trunk.id})
    shown = [{**one, "mac_address": known[one["port_id"]].spec["mac_address"]} for one in sub_ports]
    parent = await resources.get(tx, Kind.PORT, trunk.spec["port_id"])
    details = {"trunk_id": trunk.id, "sub_ports": shown}
    await standard.note(tx, parent, ports.document, spec={"trunk_details": details})
    await realizations.forget_needs(tx, Kind.TRUNK, trunk.id)
    await realizations.need(tx, trunk, [(Kind.PORT, parent.id), *((Kind.PORT, port_id) for port_id in known)])
    if revision is None:
        return await standard.revise(tx, trunk, document, now, spec={"sub_ports": list(sub_ports)}, status="DOWN")
    return await standard.note(tx, trunk, document, spec={"sub_ports": list(sub_ports), "revision_number": revision})


async def _release(tx: Transaction, sub_ports: Iterable[SubPort]) -> None:
    """They are plain ports again, wherever they are."""
    for port in (await resources.find_many(tx, Kind.PORT, [one["port_id"] for one in sub_ports])).values():
        await standard.note(tx, port, ports.document, spec={"trunk_id": None, "device_owner": ""})


async def _checked(tx: Transaction, caller: Caller, parent: Resource, given: Sequence[SubPort]) -> list[SubPort]:
    """Sub-ports with their segments, each fit for the trunk of this parent."""
    on = await resources.get(tx, Kind.NETWORK, parent.spec["network_id"])
    found = []
    for one in given:
        if one["port_id"] == parent.id:
            raise _no_parent(parent.id)
        await resources.lock(tx, Kind.PORT, one["port_id"])
        port = await ports.get(tx, caller, one["port_id"])
        network = await resources.get(tx, Kind.NETWORK, port.spec["network_id"])
        if network.spec["mtu"] > on.spec["mtu"]:
            message = f"MTU {network.spec['mtu']} of subport {port.id} cannot be greater than MTU {on.spec['mtu']} of"
            raise Conflict(f"{message} trunk {parent.id}.", reason="SubPortMtuGreaterThanTrunkPortMtu")
        kind, number = _segment(one, network)
        _check_free(port)
        found.append({"port_id": port.id, "segmentation_type": kind, "segmentation_id": number})
    return found


def _segment(given: Mapping[str, Any], network: Resource) -> tuple[str, int]:
    """The VLAN under which a sub-port reaches the server; its network's own, where it inherits that."""
    kind, number = given.get("segmentation_type"), given.get("segmentation_id")
    if kind == "inherit":
        if network.spec.get("segment") is None:
            raise _invalid(f"Unknown segmentation_type 'inherit': network {network.id} has no VLAN")
        return "vlan", int(network.spec["segment"])
    if kind is None or number is None:
        raise _invalid(
            f"Invalid subport details '{dict(given)}': missing segmentation information. Must specify both "
            "segmentation_id and segmentation_type"
        )
    if not str(number).lstrip("-").isdigit():
        raise _invalid(f"Invalid subport details: segmentation_id '{number}' is not an integer")
    if kind != "vlan":
        raise _invalid(f"Unknown segmentation_type '{kind}'")
    if int(number) not in _VLANS:
        raise _invalid(f"Segmentation ID '{int(number)}' is not in range")
    return "vlan", int(number)


def _check_free(port: Resource) -> None:
    if port.spec.get("trunk_id"):
        raise _in_use(port.id)
    if port.spec.get("trunk_details"):
        raise _no_parent(port.id)
    if port.spec["device_id"]:
        message = f"Unable to complete operation on port {port.id} for network {port.spec['network_id']}."
        raise Conflict(f"{message} Port already has an attached device {port.spec['device_id']}.", reason="PortInUse")


def _require_enabled(trunk: Resource) -> None:
    if not trunk.spec["admin_state_up"]:
        raise Conflict(f"Trunk {trunk.id} is currently disabled.", reason="TrunkDisabled")


def _in_use(port_id: str) -> Conflict:
    return Conflict(f"Port {port_id} is in use by another trunk.", reason="TrunkPortInUse")


def _no_parent(port_id: str) -> Conflict:
    message = f"Port {port_id} is currently in use and is not eligible for use as a parent port."
    return Conflict(message, reason="ParentPortInUse")


def _invalid(message: str) -> Invalid:
    return Invalid(f"Invalid input for operation: {message}.", reason="InvalidInput")


async def settled(tx: Transaction, trunk: Resource, observed: Observed) -> None:
    """What its zone says of it."""
    await resources.lock(tx, Kind.TRUNK, trunk.id)
    trunk = await resources.get(tx, Kind.TRUNK, trunk.id)
    await standard.note(tx, trunk, document, status=observed.document.get("status", "DOWN"))


async def stopped(tx: Transaction, trunk: Resource, reason: str) -> None:
    """A zone refused it; Neutron has no field for the words, its server's fault has them."""
    await standard.note(tx, trunk, document, status="ERROR")


async def lost(tx: Transaction, trunk: Resource) -> None:
    """It was deleted behind our back."""
    await standard.note(tx, trunk, document, status="ERROR")


async def vanished(tx: Transaction, trunk: Resource) -> None:
    """Its quota was given back when it was deleted."""

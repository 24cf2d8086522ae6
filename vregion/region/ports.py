"""Ports: a MAC and addresses on a network, chosen here; realized in the zone of the server that they are plugged into.

Called by the API, and by compute for the interfaces of servers (`plug`, `unplug`, `of_server`). While a
port is plugged its row's parent is the server, so that a server's ports are one look-up.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from vregion.model.backend import Binding
from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Conflict, Forbidden, Invalid, NotFound
from vregion.model.resource import Kind, Realization, Resource
from vregion.region import addresses as address_rows
from vregion.region import (
    associations,
    dns_names,
    fixed_ips,
    networks,
    port_addresses,
    port_protection,
    qos_policies,
    realizations,
    resources,
    router_seats,
    routers,
    security_groups,
    sharing,
    subnets,
    usages,
)
from vregion.region import standard_attributes as standard
from vregion.region.fixed_ips import Seat
from vregion.region.regions import Transaction

_MEMBERSHIP = {"security_groups", "fixed_ips", "allowed_address_pairs"}
DEFAULTS: dict[str, Any] = {
    "name": "",
    "admin_state_up": True,
    "device_id": "",
    "device_owner": "",
    "binding:vnic_type": "normal",
    "allowed_address_pairs": [],
    "extra_dhcp_opts": [],
    "qos_policy_id": None,
    **dns_names.NONE,
}


def document(port: Resource) -> dict[str, Any]:
    """What a show answers its tenant; the host's side of the binding is the backend's own."""
    spec = port.spec
    return {
        "id": port.id,
        "name": port.name,
        "network_id": spec["network_id"],
        **standard.owned(port),
        "mac_address": spec["mac_address"],
        "admin_state_up": spec["admin_state_up"],
        "status": port.status,
        "device_id": spec["device_id"],
        "device_owner": spec["device_owner"],
        "fixed_ips": spec["fixed_ips"],
        "port_security_enabled": spec["port_security_enabled"],
        "security_groups": spec["security_groups"],
        "binding:vnic_type": spec["binding:vnic_type"],
        "allowed_address_pairs": spec["allowed_address_pairs"],
        "extra_dhcp_opts": spec["extra_dhcp_opts"],
        "qos_policy_id": spec.get("qos_policy_id"),
        "qos_network_policy_id": spec.get("qos_network_policy_id"),
        **dns_names.shown(port),
        **({"trunk_details": spec["trunk_details"]} if spec.get("trunk_details") else {}),
        **standard.tail(port),
    }


async def get(tx: Transaction, caller: Caller, port_id: str) -> Resource:
    """A port of the caller's project, or on a network of his. Raises NotFound."""
    port = await resources.find(tx, Kind.PORT, port_id)
    if port is not None and not port.deleting:
        owners = (port.project_id, port.spec["network_project_id"])
        if caller.is_admin or caller.project_id in owners:
            return port
    raise NotFound(f"Port {port_id} could not be found.", reason="PortNotFound")


async def create(tx: Transaction, caller: Caller, wanted: dict[str, Any], now: datetime) -> Resource:
    """A new port that is plugged into nothing. Absent in `wanted`: fixed_ips, mac_address, groups are chosen here."""
    network = await networks.get(tx, caller, wanted["network_id"])
    if not sharing.sees(caller, network) or network.spec["router:external"]:
        raise NotFound("The resource could not be found.", reason="HTTPNotFound")
    await qos_policies.choose(tx, caller, wanted.get("qos_policy_id"))
    port = await _make(tx, caller, network, wanted, now)
    return await _write_new(tx, port)


async def update(
    tx: Transaction, caller: Caller, port_id: str, wanted: dict[str, Any], revision: int | None, now: datetime
) -> Resource:
    """Change a port; where it is realized its new groups and subnets are needed too."""
    port = await get(tx, caller, port_id)
    await resources.lock(tx, Kind.NETWORK, port.spec["network_id"])
    port = await get(tx, caller, port_id)
    standard.check_revision(port, revision)
    spec = wanted | ({"host_name": ""} if "dns_name" in wanted else {})
    spec |= await port_protection.protect(tx, port.project_id, {**port.spec, **spec}, now, changing=port)
    seat, ips = await _seat(tx, replace(port, spec={**port.spec, **spec})), port.spec["fixed_ips"]
    if seat.mac != port.spec["mac_address"]:
        ips = await port_addresses.change_mac(tx, port, seat)
        spec |= _addressed(seat, ips) if "fixed_ips" not in spec else {}
    if "fixed_ips" in wanted:
        await port_addresses.check_floating(tx, port, wanted["fixed_ips"])
        spec |= _addressed(seat, await fixed_ips.change(tx, seat, ips, wanted["fixed_ips"]))
        port_addresses.check_interface(port, spec["fixed_ips"])
    columns = {"name": spec.pop("name")} if "name" in spec else {}
    if not wanted:
        return port
    if "device_id" in spec and not port.spec["server_id"]:
        columns["parent_id"] = spec["device_id"] or None
    before, policy_id = port.spec["security_groups"], port.spec.get("qos_policy_id")
    if "qos_policy_id" in spec:
        await qos_policies.choose(tx, caller, spec["qos_policy_id"], policy_id)
    port = await standard.revise(tx, port, document, now, spec=spec, **columns)
    await _renew_needs(tx, port, now)
    await qos_policies.follow(tx, port, policy_id, now)
    if spec.keys() & _MEMBERSHIP:
        await security_groups.members_changed(tx, port, [*before, *port.spec["security_groups"]], now)
    return port


async def delete(tx: Transaction, caller: Caller, port_id: str, revision: int | None, now: datetime) -> None:
    """End a port of the tenant's."""
    port = await get(tx, caller, port_id)
    standard.check_revision(port, revision)
    if trunk := port.spec.get("trunk_details"):
        message = f"Port {port_id} is currently a parent port for trunk {trunk['trunk_id']}."
        raise Conflict(message, reason="PortInUseAsTrunkParent")
    if trunk_id := port.spec.get("trunk_id"):
        message = f"Port {port_id} is currently a subport for trunk {trunk_id}."
        raise Conflict(message, reason="PortInUseAsSubPort")
    if port.spec.get("router_id"):
        message = f"Port {port_id} cannot be deleted directly via the port API: has device owner "
        raise Conflict(f"{message}{port.spec['device_owner']}.", reason="ServicePortInUse")
    await remove(tx, port, now)


async def remove(tx: Transaction, port: Resource, now: datetime) -> None:
    """End a port: its addresses and quota are free at once, its realization goes when its backend has let go."""
    await associations.end_of_port(tx, port, now)
    if router_seats.of(port):
        await router_seats.settle(tx, port, (), now)
    await address_rows.release(tx, port.id)
    await address_rows.release_mac(tx, port.id)
    await usages.release(tx, port.project_id, {"port": 1})
    await resources.change(tx, port, parent_id=None)
    await standard.end(tx, port, now, vanished)
    await security_groups.members_changed(tx, port, port.spec["security_groups"], now)


async def plug(
    tx: Transaction,
    caller: Caller,
    requested: dict[str, Any],
    server_id: str,
    server_project_id: str,
    binding: Binding,
    security_groups: list[str],
    now: datetime,
) -> Resource:
    """One interface of a server, as Nova's `networks` item asks: the named port, or a new one on the named network;
    `host_name` there is the server's.

    Refuses in Nova's words and codes for a server create: Invalid (reasons NetworkNotFound, PortNotFound,
    NetworkRequiresSubnet, FixedIpAlreadyInUse, ...), Conflict (PortInUse, or the network is in another zone).
    """
    if requested.get("port"):
        port = await _free_port(tx, requested["port"], server_id, server_project_id)
    else:
        asked = {**requested, "security_groups": security_groups}
        port = await _port_for_server(tx, caller, asked, server_project_id, now)
    return await _seat_in(tx, port, server_id, requested.get("host_name", ""), binding, now)


async def unplug(tx: Transaction, port: Resource, now: datetime) -> None:
    """End a port that was made for its server; the tenant's own stays, plugged into nothing.

    Its realization stays too: the next server there finds it, and one in another zone lets it go.
    """
    if port.spec["made_by_server"]:
        await remove(tx, port, now)
        return
    spec = {"device_id": "", "device_owner": "", "server_id": None, **dns_names.NONE}
    await standard.revise(tx, port, document, now, spec=spec, status="DOWN", parent_id=None)
    if trunk := port.spec.get("trunk_details"):
        await realizations.look(tx, (Kind.TRUNK, trunk["trunk_id"]), now)


async def move(tx: Transaction, port: Resource, backend_id: str, availability_zone: str) -> None:
    """Its server is in another zone now."""
    place = {"backend_id": backend_id, "availability_zone": availability_zone}
    await standard.note(tx, port, document, spec={"device_owner": f"compute:{availability_zone}"}, **place)


async def of_server(tx: Transaction, server_id: str) -> list[Resource]:
    """The ports that are plugged into a server, in the order of their plugging."""
    ports = [p for p in await resources.children(tx, Kind.PORT, server_id) if p.spec["server_id"] and not p.deleting]
    return sorted(ports, key=lambda port: port.spec["plugged_at"])


async def look_again(tx: Transaction, server_id: str, now: datetime) -> None:
    """The server's state changed: its ports are due for a look, since a port is ACTIVE when its server has it."""
    for port in await of_server(tx, server_id):
        await realizations.look(tx, (Kind.PORT, port.id), now)
        if trunk := port.spec.get("trunk_details"):
            await realizations.look(tx, (Kind.TRUNK, trunk["trunk_id"]), now)
            for one in trunk["sub_ports"]:
                await realizations.look(tx, (Kind.PORT, one["port_id"]), now)


async def address_automatically(tx: Transaction, subnet: Resource, now: datetime) -> None:
    """A new subnet with automatic addresses: every port of its network gets one."""
    if not subnets.automatic(subnet):
        return
    ports = await resources.find_many(tx, Kind.PORT, await address_rows.ports_of_network(tx, subnet.spec["network_id"]))
    for port in ports.values():
        seat = await _seat(tx, port)
        if more := await fixed_ips.assign(tx, replace(seat, subnets=[subnet]), []):
            await _readdress(tx, port, _addressed(seat, [*port.spec["fixed_ips"], *more]), now)


async def forget_subnet(tx: Transaction, subnet: Resource, now: datetime) -> None:
    """A subnet with automatic addresses ends: its ports lose them."""
    if not subnets.automatic(subnet):
        return
    ports = await resources.find_many(tx, Kind.PORT, await address_rows.ports_of_network(tx, subnet.spec["network_id"]))
    for port in ports.values():
        left = [ip for ip in port.spec["fixed_ips"] if ip["subnet_id"] != subnet.id]
        if port.spec["device_owner"] not in fixed_ips.ROUTERS and left != port.spec["fixed_ips"]:
            gone = [ip["ip_address"] for ip in port.spec["fixed_ips"] if ip["subnet_id"] == subnet.id]
            await address_rows.release(tx, port.id, gone)
            await _readdress(tx, port, {"fixed_ips": left}, now)


async def _readdress(tx: Transaction, port: Resource, spec: dict[str, Any], now: datetime) -> None:
    port = await standard.revise(tx, port, document, now, spec=spec)
    await _renew_needs(tx, port, now)
    await security_groups.members_changed(tx, port, port.spec["security_groups"], now)


async def _make(tx: Transaction, caller: Caller, network: Resource, wanted: dict[str, Any], now: datetime) -> Resource:
    """A port with MAC, addresses and groups, not written yet."""
    spec = {**DEFAULTS, "made_by_server": False, "server_id": None, "status": "DOWN", **wanted}
    spec.setdefault("port_security_enabled", network.spec["port_security_enabled"])
    if spec["device_owner"].startswith("network:"):
        spec["port_security_enabled"] = False
    spec |= {"network_project_id": network.project_id, "qos_network_policy_id": network.spec.get("qos_policy_id")}
    port = standard.fresh(Kind.PORT, caller, spec, now, parent_id=spec["device_id"] or None)
    await standard.reserve(tx, port.project_id, "port")
    await resources.lock(tx, Kind.NETWORK, network.id)
    spec = {**port.spec, "mac_address": await _take_mac(tx, network.id, port.id, wanted)}
    spec |= await port_protection.protect(tx, port.project_id, spec, now)
    port = replace(port, spec=spec)
    seat = await _seat(tx, port)
    given = await fixed_ips.assign(tx, seat, wanted.get("fixed_ips"))
    return replace(port, spec={**spec, **_addressed(seat, given)})


async def _write_new(tx: Transaction, port: Resource) -> Resource:
    port = await standard.insert(tx, port, document)
    await realizations.need(tx, port, _needed(port))
    return port


async def _take_mac(tx: Transaction, network_id: str, port_id: str, wanted: dict[str, Any]) -> str:
    """The one that was asked for, else one at random; a router's follows from its address.

    Servers know their gateway by its MAC for half a minute: a router that is made again shall have it again.
    """
    mac: str | None = wanted.get("mac_address")
    if mac is None:
        routed = wanted["fixed_ips"][0]["ip_address"] if wanted.get("router_id") else None
        return await address_rows.allocate_mac(tx, network_id, port_id, routed)
    if not await address_rows.take_mac(tx, network_id, port_id, mac):
        message = f"Unable to complete operation for network {network_id}. The mac address {mac} is in use."
        raise Conflict(message, reason="MacAddressInUse")
    return mac


def _addressed(seat: Seat, ips: list[dict[str, str]]) -> dict[str, Any]:
    """The addresses, and which subnets' ones a backend makes by itself from the MAC."""
    return {"fixed_ips": ips, "automatic_subnets": [subnet.id for subnet in seat.automatic]}


async def _seat(tx: Transaction, port: Resource) -> Seat:
    on_network = await subnets.serving(tx, port.spec["network_id"], port.spec["device_owner"])
    return Seat(port.id, port.spec["network_id"], port.spec["mac_address"], port.spec["device_owner"], on_network)


def _needed(port: Resource) -> list[realizations.Key]:
    """What must be on a backend before the port."""
    spec = port.spec
    on = sorted({ip["subnet_id"] for ip in spec["fixed_ips"]})
    keys = [(Kind.NETWORK, spec["network_id"])]
    keys += [(Kind.SUBNET, i) for i in on]
    keys += [(Kind.ROUTER, spec["router_id"])] if spec.get("router_id") else []
    return keys + [(Kind.SECURITY_GROUP, i) for i in spec["security_groups"]] + qos_policies.needed(port)


async def _renew_needs(tx: Transaction, port: Resource, now: datetime) -> None:
    await realizations.forget_needs(tx, Kind.PORT, port.id)
    await realizations.need(tx, port, _needed(port))
    for realization in await realizations.of_resource(tx, Kind.PORT, port.id):
        if realization.wanted:
            port = await want(tx, port, realization.backend_id, now)


async def make_for_router(
    tx: Transaction, caller: Caller, network: Resource, wanted: dict[str, Any], now: datetime
) -> Resource:
    """A port that a router has on a network; `wanted` names router and addresses."""
    return await _write_new(tx, await _make(tx, caller, network, {"status": "ACTIVE", **wanted}, now))


async def hand_over(tx: Transaction, port: Resource, spec: dict[str, Any], now: datetime) -> Resource:
    """A tenant's port becomes a router's interface."""
    port = await standard.revise(tx, port, document, now, spec=spec, parent_id=spec["router_id"], status="ACTIVE")
    await _renew_needs(tx, port, now)
    return port


async def want(tx: Transaction, port: Resource, backend_id: str, now: datetime) -> Resource:
    """The port shall be there, and before it the subnets with their DHCP addresses. The caller locks the network."""
    used = {ip["subnet_id"] for ip in port.spec["fixed_ips"]}
    for subnet in (await resources.find_many(tx, Kind.SUBNET, used)).values():
        await subnets.prepare(tx, subnet, backend_id)
    if port.spec.get("router_id"):
        network = await resources.get(tx, Kind.NETWORK, port.spec["network_id"])
        if network.spec.get("interconnect"):
            seats = await router_seats.settle(tx, port, {*router_seats.of(port), backend_id}, now)
            port = await standard.note(tx, port, document, spec={"seats": seats})
    await qos_policies.hold(tx, port.spec.get("qos_policy_id"), port.spec.get("qos_network_policy_id"))
    await realizations.want(tx, Kind.PORT, port.id, backend_id, now)
    return port


async def _free_port(tx: Transaction, port_id: str, server_id: str, project_id: str) -> Resource:
    """A tenant's port that no server has. Raises Invalid and Conflict in Nova's words."""
    port = await resources.find(tx, Kind.PORT, port_id)
    if (
        port is None
        or port.deleting
        or (port.project_id != project_id and port.spec["network_project_id"] != project_id)
    ):
        raise Invalid(f"Port id {port_id} could not be found.", reason="PortNotFound")
    if port.project_id != project_id:
        raise Invalid(f"Port {port_id} not usable for instance {server_id}.", reason="PortNotUsable")
    if port.spec["device_id"] or port.spec.get("trunk_id"):
        raise Conflict(f"Port {port_id} is still in use.", reason="PortInUse")
    return port


async def _port_for_server(
    tx: Transaction, caller: Caller, asked: dict[str, Any], project_id: str, now: datetime
) -> Resource:
    """A new port on the network that a server asks for. Raises in Nova's words."""
    network = await resources.find(tx, Kind.NETWORK, asked["uuid"])
    if network is None or not networks.sees(caller, network):
        raise Invalid(f"Network {asked['uuid']} could not be found.", reason="NetworkNotFound")
    if network.spec["router:external"]:
        message = f"It is not allowed to create an interface on external network {network.id}"
        raise Forbidden(message, reason="ExternalNetworkAttachForbidden")
    if not network.spec["subnets"]:
        message = f"Network {network.id} requires a subnet in order to boot instances on."
        raise Invalid(message, reason="NetworkRequiresSubnet")
    wanted: dict[str, Any] = {"network_id": network.id, "made_by_server": True, "project_id": project_id}
    groups = await security_groups.resolve(tx, project_id, asked["security_groups"])
    if network.spec["port_security_enabled"]:
        wanted |= {"security_groups": [group.id for group in groups]} if groups else {}
    elif not all(group.spec["default"] for group in groups):
        message = "Network requires port_security_enabled and subnet associated in order to apply security groups."
        raise Invalid(message, reason="SecurityGroupCannotBeApplied")
    if address := asked.get("fixed_ip"):
        await _check_free(tx, network.id, address)
        wanted["fixed_ips"] = [{"ip_address": address}]
    return await _write_new(tx, await _make(tx, caller, network, wanted, now))


async def _check_free(tx: Transaction, network_id: str, address: str) -> None:
    owner = await address_rows.owner_of(tx, network_id, address)
    if owner is not None:
        port = await resources.find(tx, Kind.PORT, owner)
        device = port.spec["device_id"] if port is not None else ""
        message = f"Fixed IP address {address} is already in use on instance {device}."
        raise Invalid(message, reason="FixedIpAlreadyInUse")


async def _seat_in(
    tx: Transaction, port: Resource, server_id: str, host_name: str, binding: Binding, now: datetime
) -> Resource:
    """Bind the port to a server in a zone; a trunk goes there with all of its sub-ports."""
    spec = {
        "server_id": server_id,
        "host_name": host_name,
        "device_id": server_id,
        "device_owner": f"compute:{binding.availability_zone}",
        "plugged_at": [now.isoformat(), len(await of_server(tx, server_id))],
    }
    port = await _place(tx, port, binding, spec, now, parent_id=server_id)
    if trunk := port.spec.get("trunk_details"):
        for one in trunk["sub_ports"]:
            await place_subport(tx, await resources.get(tx, Kind.PORT, one["port_id"]), binding, now)
        await _only_there(tx, Kind.TRUNK, trunk["trunk_id"], binding.backend_id, now)
        await realizations.want(tx, Kind.TRUNK, trunk["trunk_id"], binding.backend_id, now)
    return port


async def place_subport(tx: Transaction, port: Resource, binding: Binding, now: datetime) -> None:
    """A trunk's sub-port is where the trunk is. Raises Conflict when its network cannot be there."""
    await _place(tx, port, binding, {"device_owner": "trunk:subport"}, now)


async def _only_there(tx: Transaction, kind: Kind, resource_id: str, backend_id: str, now: datetime) -> None:
    for realization in await realizations.of_resource(tx, kind, resource_id):
        if realization.backend_id != backend_id:
            await realizations.unwant(tx, kind, resource_id, now, realization.backend_id)


async def _place(
    tx: Transaction, port: Resource, binding: Binding, spec: dict[str, Any], now: datetime, **columns: Any
) -> Resource:
    """The port, its network, subnets and groups are wanted in that zone, the port nowhere else."""
    network = await resources.get(tx, Kind.NETWORK, port.spec["network_id"])
    await networks.settle_in(tx, network, binding)
    await qos_policies.require(tx, port, binding)
    dns_names.require_service(port.id, port.spec.get("dns_name"), binding)
    await _only_there(tx, Kind.PORT, port.id, binding.backend_id, now)
    columns |= {"backend_id": binding.backend_id, "availability_zone": binding.availability_zone}
    port = await standard.revise(tx, port, document, now, spec=spec, **columns)
    await want(tx, port, binding.backend_id, now)
    await security_groups.members_changed(tx, port, port.spec["security_groups"], now)
    await associations.follow(tx, port, binding.backend_id, now)
    for interface in (await resources.find_many(tx, Kind.PORT, network.spec.get("router_ports", ()))).values():
        there = await realizations.on_backend(tx, Kind.PORT, interface.id, binding.backend_id)
        if there is not None and there.wanted:
            continue
        await want(tx, interface, binding.backend_id, now)
        await routers.enter(tx, interface.spec["router_id"], binding.backend_id, binding.availability_zone, now)
        await routers.require_gateways(tx, interface.spec["router_id"], [binding])
    return port


async def arrives(tx: Transaction, port: Resource, realization: Realization, now: datetime) -> None:
    """Floating IPs can lead to it; a router's interface is in place: routes that needed it can be put."""
    if router_id := port.spec.get("router_id"):
        await routers.has_door(tx, router_id, port, realization.backend_id, now)
        await associations.look(tx, await associations.through(tx, router_id), now)
    else:
        await associations.look(tx, await associations.leading_to(tx, port.project_id, [port.id]), now)


async def leaves(tx: Transaction, port: Resource, realization: Realization, now: datetime) -> None:
    """A backend has let go of it: with its last server there, a network that spans zones goes, after its routers."""
    network_id, backend_id = port.spec["network_id"], realization.backend_id
    await resources.lock(tx, Kind.NETWORK, network_id)
    current = await realizations.on_backend(tx, Kind.PORT, port.id, backend_id)
    if current is None or current.wanted:
        return
    await qos_policies.leave(tx, port.spec.get("qos_policy_id"), backend_id, now)
    port = await resources.get(tx, Kind.PORT, port.id)
    if backend_id in (seated := router_seats.of(port)) and not port.deleting:
        seats = await router_seats.settle(tx, port, {*seated} - {backend_id}, now)
        await standard.note(tx, port, document, spec={"seats": seats})
    network = await resources.find(tx, Kind.NETWORK, network_id)
    if network is not None and network.spec.get("interconnect") and not network.deleting:
        await routers.leave_alone(tx, network, backend_id, now)
        await networks.port_leaves(tx, network_id, realization, now)


async def settled(tx: Transaction, port: Resource, observed: Observed) -> None:
    """The port's state there is what the tenant sees; a router's is up wherever its network comes to be."""
    status = observed.document.get("status", "DOWN")
    up = port.spec.get("router_id") and status == "DOWN"
    spec = dns_names.told(observed.document)
    await standard.note(tx, port, document, spec=spec, status="ACTIVE" if up else status)


async def stopped(tx: Transaction, port: Resource, reason: str) -> None:
    """A backend refused it; Neutron has no field for the words, its server's fault has them."""
    await standard.note(tx, port, document, status="ERROR")


async def lost(tx: Transaction, port: Resource) -> None:
    """It was deleted behind our back."""
    await standard.note(tx, port, document, status="ERROR")


async def vanished(tx: Transaction, port: Resource) -> None:
    """Its addresses and quota were given back when it was deleted."""

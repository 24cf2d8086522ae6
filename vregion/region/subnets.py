"""Subnets: the prefixes of a network, their pools and gateways, all checked as Neutron checks them.

Called by the API, by ports (which prepare the subnets of their addresses for a zone) and by the subnet recipe. We are
the authority for addresses: a backend gets a pool of one address, the one that its own DHCP service may take.
"""

from datetime import datetime
from ipaddress import ip_address
from typing import Any

from vregion.ipam import pools, prefixes
from vregion.ipam.pools import Pool
from vregion.ipam.prefixes import Prefix
from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Conflict, Invalid, NotFound
from vregion.model.resource import Kind, Realization, Resource
from vregion.region import addresses, networks, realizations, resources, subnet_pools, usages
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction

MAX_NAMESERVERS, MAX_HOST_ROUTES = 5, 20
_AUTOMATIC = ("slaac", "dhcpv6-stateless")


def document(subnet: Resource) -> dict[str, Any]:
    """What a show answers."""
    spec = subnet.spec
    return {
        "id": subnet.id,
        "name": subnet.name,
        **standard.owned(subnet),
        "network_id": spec["network_id"],
        "ip_version": spec["ip_version"],
        "subnetpool_id": spec.get("subnetpool_id"),
        "enable_dhcp": spec["enable_dhcp"],
        "ipv6_ra_mode": spec["ipv6_ra_mode"],
        "ipv6_address_mode": spec["ipv6_address_mode"],
        "gateway_ip": spec["gateway_ip"],
        "cidr": spec["cidr"],
        "allocation_pools": spec["allocation_pools"],
        "host_routes": spec["host_routes"],
        "dns_nameservers": spec["dns_nameservers"],
        "router:external": spec["router:external"],
        "service_types": spec.get("service_types", []),
        **standard.tail(subnet),
    }


def automatic(subnet: Resource) -> bool:
    """Whether hosts make their own addresses from router advertisements (neutron ipv6_utils is_auto_address_subnet)."""
    modes = (subnet.spec["ipv6_address_mode"], subnet.spec["ipv6_ra_mode"])
    return any(mode in _AUTOMATIC for mode in modes)


async def get(tx: Transaction, caller: Caller, subnet_id: str) -> Resource:
    """A subnet that the caller sees. Raises NotFound."""
    subnet = await resources.find(tx, Kind.SUBNET, subnet_id)
    if subnet is None or not networks.sees(caller, subnet):
        raise NotFound(f"Subnet {subnet_id} could not be found.", reason="SubnetNotFound")
    return subnet


async def of_network(tx: Transaction, network_id: str) -> list[Resource]:
    """A network's subnets, oldest first."""
    return [subnet for subnet in await resources.children(tx, Kind.SUBNET, network_id) if not subnet.deleting]


async def serving(tx: Transaction, network_id: str, device_owner: str) -> list[Resource]:
    """The subnets on which such a port may have addresses: those for its owner, then those for all.

    Raises Conflict when all of a network's subnets are for others (29.0.0 `ipam_backend_mixin.py` _ipam_get_subnets).
    """
    there = await of_network(tx, network_id)
    own = [subnet for subnet in there if device_owner in subnet.spec.get("service_types", ())]
    found = own + [subnet for subnet in there if not subnet.spec.get("service_types")]
    if there and not found:
        words = "No valid service subnet for the given device owner"
        message = f"{words}, network {network_id}, service type {device_owner}."
        raise Conflict(message, reason="IpAddressGenerationFailureNoMatchingSubnet")
    return found


async def create(tx: Transaction, caller: Caller, wanted: dict[str, Any], now: datetime) -> Resource:
    """A new subnet. What is absent from `wanted` is chosen here: the prefix, the gateway, the pools."""
    exact = _prefix(wanted) if wanted.get("cidr") else None
    if exact is not None:
        _check({**wanted, "cidr": str(exact)}, exact, dhcp_was_on=False)
    await resources.lock(tx, Kind.NETWORK, wanted["network_id"])
    network = await networks.get(tx, caller, wanted["network_id"])
    if network.spec["router:external"] or (network.project_id != caller.project_id and not caller.is_admin):
        raise NotFound("The resource could not be found.", reason="HTTPNotFound")
    if mtu := network.spec.get("mtu"):
        networks.require_mtu(network.id, mtu, {wanted["ip_version"]})
    pool, prefix = await _cut(tx, caller, wanted, exact)
    spec = {key: value for key, value in wanted.items() if key not in ("prefixlen", "use_default_subnetpool")}
    spec |= {"cidr": str(prefix), "subnetpool_id": pool.id if pool else None}
    # The first address of a prefix that was cut for it; of a given one that of Neutron's (`_gateway_ip_str`).
    spec.setdefault("gateway_ip", prefixes.default_gateway(prefix) if exact else str(prefix.network_address + 1))
    if exact is None:
        _check(spec, prefix, dhcp_was_on=False)
    spec["allocation_pools"] = _pools(prefix, spec["gateway_ip"], spec.get("allocation_pools"))
    await _check_neighbours(tx, network, prefix, pool)
    spec |= {key: network.spec[key] for key in ("shared", "shared_with", "router:external") if key in network.spec}
    subnet = standard.fresh(
        Kind.SUBNET, caller, {"revision_number": 0, **spec}, now, parent_id=network.id, backend_id=network.backend_id
    )
    await standard.reserve(tx, subnet.project_id, "subnet")
    subnet = await standard.insert(tx, subnet, document)
    await realizations.need(tx, subnet, [(Kind.NETWORK, network.id)])
    await networks.list_subnet(tx, network, subnet.id)
    if pool is not None:
        await networks.scoped(tx, network.id, prefix.version, pool.spec["address_scope_id"])
    return subnet


async def _cut(
    tx: Transaction, caller: Caller, wanted: dict[str, Any], exact: Prefix | None
) -> tuple[Resource | None, Prefix]:
    """The new subnet's prefix, out of the pool that it shall be from (`db_base_plugin_v2.py` _get_subnetpool_id)."""
    pool_id = wanted.get("subnetpool_id")
    if wanted.get("use_default_subnetpool"):
        if pool_id:
            raise bad_request("subnetpool_id and use_default_subnetpool cannot both be specified")
        version = exact.version if exact else wanted["ip_version"]
        found = await subnet_pools.default(tx, caller, version)
        if found is None:
            raise bad_request(f"No default subnetpool found for IPv{version}")
        pool_id = found.id
    if pool_id is None and exact is None:
        raise bad_request("a subnetpool must be specified in the absence of a cidr")
    if pool_id is None and exact is not None:
        return None, exact
    if exact is None and wanted.get("allocation_pools"):
        raise bad_request("allocation_pools allowed only for specific subnet requests.")
    return await subnet_pools.take(tx, caller, str(pool_id), wanted, exact)


async def update(
    tx: Transaction, caller: Caller, subnet_id: str, wanted: dict[str, Any], revision: int | None, now: datetime
) -> Resource:
    """Change what may change; the pools that a gateway or new pools would break are refused."""
    subnet = await get(tx, caller, subnet_id)
    await resources.lock(tx, Kind.NETWORK, subnet.spec["network_id"])
    subnet = await get(tx, caller, subnet_id)
    standard.check_owner(subnet, caller, "update_subnet")
    standard.check_revision(subnet, revision)
    prefix = prefixes.prefix(subnet.spec["cidr"])
    _check_update(subnet, wanted, prefix)
    if wanted.get("allocation_pools") is not None:
        given = [_pool(pool) for pool in wanted["allocation_pools"]]
        _check_pools(prefix, given)
        wanted["allocation_pools"] = [pool.wire() for pool in given]
    await _check_gateway_change(tx, subnet, wanted)
    columns = {"name": wanted.pop("name")} if "name" in wanted else {}
    if not wanted and not columns:
        return subnet
    subnet = await standard.revise(tx, subnet, document, now, spec=wanted, **columns)
    for realization in await realizations.of_resource(tx, Kind.SUBNET, subnet_id):
        subnet = await prepare(tx, subnet, realization.backend_id)
    return subnet


async def delete(tx: Transaction, caller: Caller, subnet_id: str, revision: int | None, now: datetime) -> None:
    """End a subnet on which no port has an address; `ports.forget_subnet` has taken the automatic ones away."""
    subnet = await get(tx, caller, subnet_id)
    await resources.lock(tx, Kind.NETWORK, subnet.spec["network_id"])
    standard.check_owner(subnet, caller, "delete_subnet")
    standard.check_revision(subnet, revision)
    if await addresses.used_by_port(tx, subnet_id):
        raise Conflict(
            f"Unable to complete operation on subnet {subnet_id}: One or more ports have an IP allocation from this "
            "subnet.",
            reason="SubnetInUse",
        )
    network = await resources.get(tx, Kind.NETWORK, subnet.spec["network_id"])
    await networks.list_subnet(tx, network, subnet_id, gone=True)
    await _leave_pool(tx, subnet)
    await addresses.release_subnet(tx, subnet_id)
    await usages.release(tx, subnet.project_id, {"subnet": 1})
    await standard.end(tx, subnet, now, vanished)


async def prepare(tx: Transaction, subnet: Resource, backend_id: str) -> Resource:
    """Before the subnet is wanted on a backend: its DHCP service there gets an address that no port has."""
    owner = addresses.dhcp_owner(backend_id)
    known = dict(subnet.spec.get("dhcp_addresses") or {})
    if subnet.spec["enable_dhcp"] and not automatic(subnet) and backend_id not in known:
        address = await addresses.reserved(tx, subnet.id, owner) or await addresses.allocate(tx, subnet, owner)
        if address is None:
            raise no_more_addresses(subnet.spec["network_id"])
        known[backend_id] = address
    home = subnet.backend_id or backend_id
    return await standard.note(tx, subnet, document, backend_id=home, spec={"dhcp_addresses": known})


def gateways(subnet: Resource) -> dict[str, str]:
    """Backend -> which router servers use there, where that is not the one of the subnet's own gateway address."""
    return subnet.spec.get("gateway_addresses") or {}


async def tell_gateways(tx: Transaction, subnet: Resource, told: dict[str, str], now: datetime) -> None:
    """These are its `gateways`."""
    if told != gateways(subnet):
        await standard.revise(tx, subnet, document, now, spec={"gateway_addresses": told})


async def leaves(tx: Transaction, subnet: Resource, realization: Realization, now: datetime) -> None:
    """A backend has let go of it, DHCP service and all: its addresses there are free, unless it is wanted again."""
    await resources.lock(tx, Kind.NETWORK, subnet.spec["network_id"])
    subnet = await resources.get(tx, Kind.SUBNET, subnet.id)
    current = await realizations.on_backend(tx, Kind.SUBNET, subnet.id, realization.backend_id)
    if current is None or current.wanted:
        return
    backend_id, spec = realization.backend_id, {}
    for name, owner in (("dhcp_addresses", addresses.dhcp_owner), ("gateway_addresses", addresses.gateway_owner)):
        known = dict(subnet.spec.get(name) or {})
        if known.pop(backend_id, None) is not None:
            await addresses.release(tx, owner(backend_id), subnet_id=subnet.id)
            spec[name] = known
    if spec:
        await standard.note(tx, subnet, document, spec=spec)


def no_more_addresses(network_id: str) -> Conflict:
    """Every pool is used up."""
    message = f"No more IP addresses available on network {network_id}."
    return Conflict(message, reason="IpAddressGenerationFailure")


def _prefix(wanted: dict[str, Any]) -> Prefix:
    prefix = prefixes.prefix(wanted["cidr"])
    if prefix.version != wanted["ip_version"]:
        raise _invalid(f"cidr '{wanted['cidr']}' does not match the ip_version '{wanted['ip_version']}'")
    return prefix


def _check(spec: dict[str, Any], prefix: Prefix, *, dhcp_was_on: bool) -> None:
    """Neutron's order (29.0.0 `neutron/db/db_base_plugin_v2.py` _validate_subnet)."""
    if prefix.version == 6 and int(prefix.network_address) == 0:
        raise _invalid("IPv6 subnet '::' is not supported")
    if spec["enable_dhcp"] and not dhcp_was_on:
        _check_dhcp(prefix)
    if (gateway := spec.get("gateway_ip")) is not None:
        _check_version(prefix, gateway, "gateway_ip")
        if not prefixes.may_be_gateway(prefix, ip_address(gateway)):
            raise _invalid("Gateway is not valid on subnet")
    _check_nameservers_and_routes(spec, prefix)
    modes = (spec["ipv6_ra_mode"], spec["ipv6_address_mode"])
    if prefix.version == 4:
        for name, mode in zip(("ipv6_ra_mode", "ipv6_address_mode"), modes, strict=True):
            if mode is not None:
                raise _invalid(f"{name} is not valid when ip_version is 4")
    elif not dhcp_was_on:
        _check_modes(prefix, *modes, enable_dhcp=spec["enable_dhcp"])
    if prefix.prefixlen == 0:
        raise _invalid("0 is not allowed as CIDR prefix length")


def _check_dhcp(prefix: Prefix) -> None:
    if prefix.prefixlen > (30 if prefix.version == 4 else 126):
        raise _invalid("Subnet has a prefix length that is incompatible with DHCP service enabled")
    if prefix.is_multicast:
        raise _invalid("Multicast IP subnet is not supported if enable_dhcp is True")
    if prefix.is_loopback:
        raise _invalid("Loopback IP subnet is not supported if enable_dhcp is True")
    if prefix.version == 4 and int(prefix.network_address) == 0:
        raise _invalid("First IP '0.0.0.0' of network is not supported if enable_dhcp is True.")


def _check_nameservers_and_routes(spec: dict[str, Any], prefix: Prefix) -> None:
    name = spec.get("id", "new subnet")
    if len(servers := spec.get("dns_nameservers") or []) > MAX_NAMESERVERS:
        message = f"Unable to complete operation for {name}. The number of DNS nameservers exceeds the limit "
        raise Invalid(f"{message}{MAX_NAMESERVERS}.", reason="DNSNameServersExhausted")
    for server in servers:
        _check_version(prefix, server, "dns_nameserver")
    if len(routes := spec.get("host_routes") or []) > MAX_HOST_ROUTES:
        message = f"Unable to complete operation for {name}. The number of host routes exceeds the limit "
        raise Invalid(f"{message}{MAX_HOST_ROUTES}.", reason="HostRoutesExhausted")
    for route in routes:
        _check_version(prefix, route["destination"], "destination")
        _check_version(prefix, route["nexthop"], "nexthop")


def _check_modes(prefix: Prefix, ra_mode: str | None, address_mode: str | None, *, enable_dhcp: bool) -> None:
    if (ra_mode or address_mode) and not enable_dhcp:
        raise _invalid("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
    if ra_mode and address_mode and ra_mode != address_mode:
        raise _invalid(
            f"ipv6_ra_mode set to '{ra_mode}' with ipv6_address_mode set to '{address_mode}' is not valid. If both "
            "attributes are set, they must be the same value"
        )
    if (ra_mode in _AUTOMATIC or address_mode in _AUTOMATIC) and prefix.prefixlen != 64:
        raise _invalid(
            f"Invalid CIDR {prefix} for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires "
            "the prefix to be /64"
        )


def _check_version(prefix: Prefix, address: str, name: str) -> None:
    if prefixes.prefix(address).version != prefix.version:
        raise _invalid(f"{name} '{address}' does not match the ip_version '{prefix.version}'")


def _check_update(subnet: Resource, wanted: dict[str, Any], prefix: Prefix) -> None:
    has_modes = subnet.spec["ipv6_ra_mode"] or subnet.spec["ipv6_address_mode"]
    if wanted.get("enable_dhcp") is False and has_modes:
        raise _invalid("Cannot disable enable_dhcp with ipv6 attributes set")
    merged = {**subnet.spec, "id": subnet.id, **wanted}
    if "gateway_ip" not in wanted:
        merged["gateway_ip"] = None
    _check(merged, prefix, dhcp_was_on=subnet.spec["enable_dhcp"])


async def _check_gateway_change(tx: Transaction, subnet: Resource, wanted: dict[str, Any]) -> None:
    gateway, current = wanted.get("gateway_ip", subnet.spec["gateway_ip"]), subnet.spec["gateway_ip"]
    moved = gateway != current
    holder = await addresses.owner_of(tx, subnet.spec["network_id"], current) if moved and current else None
    port = await resources.find(tx, Kind.PORT, holder) if holder else None
    if port is not None and port.spec.get("router_id"):
        message = f"Current gateway ip {current} already in use by port {port.id}. Unable to update."
        raise Conflict(message, reason="GatewayIpInUse")
    if gateway and (moved or wanted.get("allocation_pools") is not None):
        given = wanted.get("allocation_pools") or subnet.spec["allocation_pools"]
        _check_gateway(gateway, [_pool(pool) for pool in given])


def _pools(prefix: Prefix, gateway: str | None, given: list[dict[str, str]] | None) -> list[dict[str, str]]:
    """The wanted pools, or all of the prefix; an empty list means the same as none, as on a real Neutron."""
    if not given:
        return [pool.wire() for pool in pools.default_pools(prefix, gateway)]
    parsed = [_pool(pool) for pool in given]
    _check_pools(prefix, parsed)
    if gateway is not None:
        _check_gateway(gateway, parsed)
    return [pool.wire() for pool in parsed]


def _pool(given: dict[str, str]) -> Pool:
    try:
        return Pool.parse(given["start"], given["end"])
    except ValueError as wrong:
        raise Invalid(f"The allocation pool {given} is not valid.", reason="InvalidAllocationPool") from wrong


def _check_pools(prefix: Prefix, given: list[Pool]) -> None:
    for pool in given:
        if pool.version != prefix.version:
            raise Invalid(f"The allocation pool {pool} is not valid.", reason="InvalidAllocationPool")
        if not pool.inside(prefix):
            message = f"The allocation pool {pool} spans beyond the subnet cidr {prefix}."
            raise Invalid(message, reason="OutOfBoundsAllocationPool")
    if pair := pools.first_overlap(given):
        message = f"Found overlapping allocation pools: {pair[0]} {pair[1]} for subnet {prefix}."
        raise Conflict(message, reason="OverlappingAllocationPools")


def _check_gateway(gateway: str, given: list[Pool]) -> None:
    for pool in given:
        if gateway in pool:
            message = f"Gateway ip {gateway} conflicts with allocation pool {pool}."
            raise Conflict(message, reason="GatewayConflictWithAllocationPools")


async def _check_neighbours(tx: Transaction, network: Resource, prefix: Prefix, pool: Resource | None) -> None:
    """Neither overlaps with the network's others nor mixes pools or scopes (`ipam_backend_mixin.py` _save_subnet)."""
    there = [one for one in await of_network(tx, network.id) if one.spec["ip_version"] == prefix.version]
    if any(prefixes.prefix(other.spec["cidr"]).overlaps(prefix) for other in there):
        raise _invalid(f"Requested subnet with cidr: {prefix} for network: {network.id} overlaps with another subnet")
    scope = network.spec.get(f"ipv{prefix.version}_address_scope")
    if scope and pool is not None and pool.spec["address_scope_id"] != scope:
        raise subnet_pools.apart()
    for other in there:
        mixed = other.spec.get("subnetpool_id") != (pool.id if pool else None)
        if mixed and not (pool is not None and scope):
            words = "Subnets hosted on the same network must be allocated from the same subnet pool."
            raise Invalid(words, reason="NetworkSubnetPoolAffinityError")


async def _leave_pool(tx: Transaction, subnet: Resource) -> None:
    """Its prefix goes back; a network without subnets of pools is in no address scope."""
    if not subnet.spec.get("subnetpool_id"):
        return
    await subnet_pools.give_back(tx, subnet)
    version, network_id = subnet.spec["ip_version"], subnet.spec["network_id"]
    others = [one for one in await of_network(tx, network_id) if one.id != subnet.id]
    if not any(one.spec.get("subnetpool_id") and one.spec["ip_version"] == version for one in others):
        await networks.scoped(tx, network_id, version, None)


def bad_request(words: str) -> Invalid:
    """Neutron's BadRequest of subnets."""
    return Invalid(f"Bad subnets request: {words}.", reason="BadRequest")


def _invalid(message: str) -> Invalid:
    return Invalid(f"Invalid input for operation: {message}.", reason="InvalidInput")


async def settled(tx: Transaction, subnet: Resource, observed: Observed) -> None:
    """Neutron's subnets have no status: nothing of the backend's is shown."""


async def stopped(tx: Transaction, subnet: Resource, reason: str) -> None:
    """A backend refused it: the ports that need it say so."""


async def lost(tx: Transaction, subnet: Resource) -> None:
    """It was deleted behind our back: its ports are lost too, and say so."""


async def vanished(tx: Transaction, subnet: Resource) -> None:
    """Its quota and addresses were given back when the tenant deleted it."""

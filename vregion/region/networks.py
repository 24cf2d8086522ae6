"""Networks: a tenant's broadcast domains. Each belongs to the zone that first needs it, or spans those joined with it.

Which of the two it is, is decided when a zone first needs it, and stays (ADR 12): `spec["interconnect"]` names what it
spans zones over, `spec["backends"]` who has it now. Called by the API, by ports (which settle and realize their
network) and by the network recipe. Nothing here speaks to a cloud.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from vregion.model.backend import Binding
from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Conflict, NotFound
from vregion.model.resource import Kind, Realization, Resource
from vregion.region import addresses, leases, qos_policies, realizations, resources, sharing, subnet_pools, usages
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query

# Shown until a zone has told its own: what is left of 1500 octets in the widest common tunnel.
MTU = 1450
_IPV6_MTU, _IPV4_MTU = 1280, 68


def document(network: Resource) -> dict[str, Any]:
    """What a show answers."""
    spec = network.spec
    zones = spec.get("zones") or ([network.availability_zone] if network.availability_zone else [])
    return {
        "id": network.id,
        "name": network.name,
        **standard.owned(network),
        "admin_state_up": spec["admin_state_up"],
        "mtu": spec["mtu"],
        "status": network.status,
        "subnets": spec["subnets"],
        "shared": spec["shared"],
        "availability_zone_hints": spec["availability_zone_hints"],
        "availability_zones": zones,
        "ipv4_address_scope": spec.get("ipv4_address_scope"),
        "ipv6_address_scope": spec.get("ipv6_address_scope"),
        "router:external": spec["router:external"],
        **({"is_default": True} if spec["router:external"] else {}),
        "port_security_enabled": spec["port_security_enabled"],
        "dns_domain": spec.get("dns_domain", ""),
        "qos_policy_id": spec.get("qos_policy_id"),
        **standard.tail(network),
    }


def visible(caller: Caller) -> dict[str, Any]:
    """Whose networks and subnets a caller sees, as arguments of a `Query`."""
    return visible_to(None if caller.is_admin else caller.project_id)


def visible_to(project_id: str | None) -> dict[str, Any]:
    """A project's own, those that are shared with it and the external ones; None: all."""
    return {
        "project_id": project_id,
        "shared": (*sharing.reaching(project_id or ""), Filter("spec.router:external", True)),
    }


def sees(caller: Caller, resource: Resource) -> bool:
    """Whether a caller may know of a network or subnet."""
    outside = bool(resource.spec.get("router:external"))
    return sharing.sees(caller, resource) or (outside and not resource.deleting)


async def get(tx: Transaction, caller: Caller, network_id: str) -> Resource:
    """A network that the caller sees. Raises NotFound."""
    network = await resources.find(tx, Kind.NETWORK, network_id)
    if network is None or not sees(caller, network):
        raise NotFound(f"Network {network_id} could not be found.", reason="NetworkNotFound")
    return network


async def create(
    tx: Transaction, caller: Caller, wanted: dict[str, Any], zones: Mapping[str, str], now: datetime
) -> Resource:
    """A new network. `zones` maps the region's availability zones to their backends."""
    hints = wanted["availability_zone_hints"]
    for hint in hints:
        if hint not in zones:
            raise NotFound(f"AvailabilityZone {hint} could not be found.", reason="AvailabilityZoneNotFound")
    only = hints[0] if len(hints) == 1 else None
    spec = {"subnets": [], **wanted, "mtu": wanted["mtu"] or MTU, "mtu_is_chosen": bool(wanted["mtu"])}
    columns = {"availability_zone": only, "backend_id": zones[only] if only else None}
    network = standard.fresh(Kind.NETWORK, caller, spec, now, **columns)
    await standard.reserve(tx, network.project_id, "network")
    policy_id = await qos_policies.for_network(tx, caller, network.project_id, wanted.get("qos_policy_id"))
    network = await standard.insert(tx, replace(network, spec={**network.spec, "qos_policy_id": policy_id}), document)
    await realizations.need(tx, network, qos_policies.needed(network))
    await sharing.open_to_all(tx, caller, network, now, wanted=wanted["shared"])
    return network


async def update(
    tx: Transaction, caller: Caller, network_id: str, wanted: dict[str, Any], revision: int | None, now: datetime
) -> Resource:
    """Change what the tenant may change."""
    await resources.lock(tx, Kind.NETWORK, network_id)
    network = await get(tx, caller, network_id)
    standard.check_owner(network, caller, "update_network")
    standard.check_revision(network, revision)
    if (mtu := wanted.get("mtu")) is not None:
        if mtu < _IPV6_MTU and network.spec["subnets"]:
            subnets = await resources.children(tx, Kind.SUBNET, network.id)
            require_mtu(network.id, mtu, {subnet.spec["ip_version"] for subnet in subnets if not subnet.deleting})
        # 0 leaves it to the zone; where one has the network already, its own stays.
        placed = network.backend_id or network.spec.get("interconnect")
        wanted |= {"mtu": mtu or (network.spec["mtu"] if placed else MTU), "mtu_is_chosen": bool(mtu)}
    columns = {"name": wanted.pop("name")} if "name" in wanted else {}
    if not wanted and not columns:
        return network
    if wanted.get("shared", network.spec["shared"]) != network.spec["shared"]:
        await _check_sharing(tx, network, shared=wanted["shared"])
        await sharing.open_to_all(tx, caller, network, now, wanted=wanted["shared"])
        await share_subnets(tx, network.id, {"shared": wanted["shared"]})
    before = network.spec.get("qos_policy_id")
    if "qos_policy_id" in wanted:
        await qos_policies.choose(tx, caller, wanted["qos_policy_id"], before)
    network = await standard.revise(tx, network, document, now, spec=wanted, **columns)
    await realizations.forget_needs(tx, Kind.NETWORK, network.id)
    await realizations.need(tx, network, qos_policies.needed(network))
    await qos_policies.follow(tx, network, before, now)
    return network


def segment_owner(network: Resource) -> str:
    """As the directory knows the owner of a segment."""
    return f"{Kind.NETWORK} {network.id}"


async def delete(tx: Transaction, caller: Caller, network_id: str, revision: int | None, now: datetime) -> None:
    """The network and its subnets end; ports on it forbid that."""
    await resources.lock(tx, Kind.NETWORK, network_id)
    network = await get(tx, caller, network_id)
    standard.check_owner(network, caller, "delete_network")
    standard.check_revision(network, revision)
    if ports := await addresses.ports_of_network(tx, network_id):
        raise Conflict(
            f"Unable to complete operation on network {network_id}. There are one or more ports still in use on the "
            f"network, id for these ports is: {','.join(ports)}.",
            reason="NetworkInUse",
        )
    for subnet in await resources.children(tx, Kind.SUBNET, network_id):
        if not subnet.deleting:
            await addresses.release_subnet(tx, subnet.id)
            await subnet_pools.give_back(tx, subnet)
            await usages.release(tx, subnet.project_id, {"subnet": 1})
            await standard.end(tx, subnet, now, vanished)
    await sharing.forget(tx, network_id)
    await usages.release(tx, network.project_id, {"network": 1})
    await end(tx, network, now)


async def end(tx: Transaction, network: Resource, now: datetime) -> None:
    """It goes with its last zone; one that could span zones and has left them all, when its segment is given back."""
    if network.spec.get("interconnect") and not await realizations.of_resource(tx, Kind.NETWORK, network.id):
        await realizations.expect(tx, Kind.NETWORK, network.id, realizations.NOWHERE)
    await standard.end(tx, network, now, vanished)


async def settle_in(tx: Transaction, network: Resource, binding: Binding) -> Resource:
    """The network shall be in that zone. Its first use decides for good whether it can span zones, and over what.

    Raises Conflict when it is in another zone that nothing joins with this one, or when its hints forbid it.
    """
    network = await _decide(tx, network, binding)
    if not network.spec.get("interconnect"):
        return network
    return await spread_to(tx, network, binding.backend_id, binding.availability_zone)


async def settle_beside(tx: Transaction, network: Resource, other: Resource, zones: Sequence[Binding]) -> None:
    """The network can be where something is that leads to it (a floating IP); it comes there with its first port.

    `zones`: the region's. That decides for a new one, as its first use does. Raises Conflict as `settle_in`.
    """
    binding = next((zone for zone in zones if zone.backend_id == other.backend_id), None)
    if binding is None:
        words = f"Availability zone {other.availability_zone} is being taken away."
        raise Conflict(words, reason="AvailabilityZoneNotAvailable")
    await _decide(tx, network, binding)


async def _decide(tx: Transaction, network: Resource, binding: Binding) -> Resource:
    """A new network spans zones or is of that one alone; any other one must reach it, or Conflict is raised."""
    await resources.lock(tx, Kind.NETWORK, network.id)
    network = await resources.get(tx, Kind.NETWORK, network.id)
    if network.backend_id is None and admits(network, binding):
        columns = {"backend_id": binding.backend_id, "availability_zone": binding.availability_zone}
        network = await standard.note(tx, network, document, spec=stretched(network, binding), **columns)
    if not admits(network, binding):
        raise Conflict(
            f"Network {network.id} is in availability zone {network.availability_zone or _hinted(network)} and cannot "
            f"be reached from {binding.availability_zone}: {why_not(network, binding)}.",
            reason="NetworkInOtherAvailabilityZone",
        )
    if network.spec.get("moving_to"):
        words = f"Network {network.id} is following a server to availability zone {network.spec['moving_to_zone']}."
        raise Conflict(words, reason="NetworkInOtherAvailabilityZone")
    return network


async def spread_to(tx: Transaction, network: Resource, backend_id: str, availability_zone: str) -> Resource:
    """A network that spans zones shall be in that one, too."""
    backends = {**network.spec["backends"], backend_id: availability_zone}
    return await standard.note(tx, network, document, spec=spread(backends))


def spread(backends: Mapping[str, str]) -> dict[str, Any]:
    """Where a network that spans zones is now: backend -> zone, and the zones as they are shown."""
    return {"backends": dict(backends), "zones": sorted(backends.values())}


def admits(network: Resource, binding: Binding) -> bool:
    """Whether a port of the network may be in that zone."""
    hints = network.spec["availability_zone_hints"]
    if network.backend_id == binding.backend_id:
        return True
    if hints and binding.availability_zone not in hints:
        return False
    if network.backend_id is None:
        return True
    interconnect = network.spec.get("interconnect")
    if interconnect and binding.backend_id in network.spec["backends"]:
        return True
    return any(join.interconnect == interconnect for join in binding.joins)


def stretched(network: Resource, binding: Binding) -> dict[str, Any]:
    """What the spec of a network that is first used in that zone has more, when it can span zones; else nothing.

    It can when an interconnect joins this zone with another one that the hints allow, and carries the chosen MTU.
    """
    spec = network.spec
    hints = frozenset(spec["availability_zone_hints"])
    for join in binding.joins:
        wide = len(join.zones & hints if hints else join.zones) > 1
        if wide and (not spec["mtu_is_chosen"] or spec["mtu"] <= join.mtu):
            mtu = spec["mtu"] if spec["mtu_is_chosen"] else join.mtu
            return {"interconnect": join.interconnect, "mtu": mtu, **spread({})}
    return {}


def _hinted(network: Resource) -> str:
    return " or ".join(network.spec["availability_zone_hints"])


def why_not(network: Resource, binding: Binding) -> str:
    """Why a network that is elsewhere cannot be in that zone, in words for the tenant."""
    spec, zone = network.spec, binding.availability_zone
    if spec["availability_zone_hints"] and zone not in spec["availability_zone_hints"]:
        return f"its hint is {_hinted(network)}"
    if reason := spec.get("local_because"):
        return str(reason)
    over = next((j.interconnect for j in binding.joins if network.availability_zone in j.zones), None)
    if over is None:
        return "no interconnect joins the two"
    if spec.get("interconnect"):
        return f"it spans zones over interconnect {spec['interconnect']}, which does not reach there"
    return f"it was first used before interconnect {over} joined the two, or its MTU is too large for that"


async def stay_local(tx: Transaction, network_id: str, reason: str) -> Resource | None:
    """There is no segment for it: a network that only one zone has is that zone's alone. None when others have it."""
    await resources.lock(tx, Kind.NETWORK, network_id)
    network = await resources.find(tx, Kind.NETWORK, network_id)
    wanted = [one for one in await realizations.of_resource(tx, Kind.NETWORK, network_id) if one.wanted]
    if network is None or len(wanted) > 1:
        return None
    columns: dict[str, str] = {}
    mtu = {} if network.spec["mtu_is_chosen"] else {"mtu": MTU}
    spec = {"interconnect": None, "backends": None, "zones": None, "local_because": reason, **mtu}
    zones = network.spec.get("backends") or {}
    for backend_id in (one.backend_id for one in wanted if one.backend_id in zones):
        columns = {"backend_id": backend_id, "availability_zone": zones[backend_id]}
    return await standard.note(tx, network, document, spec=spec, **columns)


async def keep_segment(tx: Transaction, network_id: str, number: int) -> Resource | None:
    """Write down which segment it has; None when it is gone."""
    network = await resources.find(tx, Kind.NETWORK, network_id)
    return None if network is None else await standard.note(tx, network, document, spec={"segment": number})


async def port_leaves(tx: Transaction, network_id: str, port: Realization, now: datetime) -> None:
    """A port is gone from a zone: with the last one there, a network that spans zones goes from it, too.

    A transit network, which is of no project, stays for the next router (`transits`).
    """
    await resources.lock(tx, Kind.NETWORK, network_id)
    network = await resources.find(tx, Kind.NETWORK, network_id)
    if network is None or network.deleting or not network.spec.get("interconnect") or not network.project_id:
        return
    await draw_back(tx, network, port.backend_id, port, now)


async def draw_back(
    tx: Transaction, network: Resource, backend_id: str, but: Realization | None, now: datetime
) -> Resource:
    """A network that spans zones leaves one, unless something there needs it, `but` aside; the caller locks it."""
    if not await leases.retire(tx, (Kind.NETWORK, network.id), backend_id, but, now):
        return network
    left = {backend: zone for backend, zone in network.spec["backends"].items() if backend != backend_id}
    return await standard.note(tx, network, document, spec=spread(left))


async def list_subnet(tx: Transaction, network: Resource, subnet_id: str, *, gone: bool = False) -> None:
    """Keep the network's list of subnets."""
    left = [i for i in network.spec["subnets"] if i != subnet_id]
    spec = {"subnets": left if gone else [*left, subnet_id], "revision_number": network.spec["revision_number"] + 1}
    await standard.note(tx, network, document, spec=spec)


async def scoped(tx: Transaction, network_id: str, version: int, scope_id: str | None) -> None:
    """The address scope of its subnets of an IP version, which are all in one."""
    network = await resources.get(tx, Kind.NETWORK, network_id)
    await standard.note(tx, network, document, spec={f"ipv{version}_address_scope": scope_id})


async def candidates(tx: Transaction, project_id: str) -> list[Resource]:
    """A project's own networks, then those that are shared with it: what Nova takes when a server names none."""
    own = await resources.list_resources(tx, _usable(project_id, sharing.asked(project_id, wanted=False)))
    return own + await resources.list_resources(tx, _usable(None, sharing.asked(project_id, wanted=True)))


def _usable(project_id: str | None, also: Filter) -> Query:
    filters = (Filter("deleting", False), Filter("spec.router:external", False), also)
    return Query(Kind.NETWORK, project_id, filters, (("created_at", True),))


async def _check_sharing(tx: Transaction, network: Resource, *, shared: bool) -> None:
    """What others use stays shared."""
    ports = await resources.find_many(tx, Kind.PORT, await addresses.ports_of_network(tx, network.id))
    named = (network.project_id, *network.spec.get("shared_with", ()))
    if not shared and any(port.project_id not in named for port in ports.values()):
        message = f"Unable to reconfigure sharing settings for network {network.id}. Multiple projects are using it."
        raise Conflict(message, reason="InvalidSharedSetting")


async def share_subnets(tx: Transaction, network_id: str, terms: dict[str, Any]) -> None:
    """A network's subnets are seen by whom it is."""
    for subnet in await resources.children(tx, Kind.SUBNET, network_id):
        await resources.change(tx, subnet, spec={**subnet.spec, **terms}, updated_at=subnet.updated_at)


def require_mtu(network_id: str, mtu: int, versions: Collection[int]) -> None:
    """The versions of IP on a network have a smallest MTU (neutron 29.0.0 `db_base_plugin_v2.py`
    _validate_change_network_mtu, _validate_subnet_network_mtu). Raises Conflict.
    """
    least = _IPV4_MTU if mtu < _IPV4_MTU else _IPV6_MTU if 6 in versions else 0
    if mtu < least:
        raise Conflict(
            f"MTU of {network_id} is not valid, subnet requires a minimum of {least}", reason="NetworkMTUSubnetConflict"
        )


async def leaves(tx: Transaction, network: Resource, realization: Realization, now: datetime) -> None:
    """A backend has let go of it: whoever needs it there comes before or after that, in one order of locks."""
    await resources.lock(tx, Kind.NETWORK, network.id)
    await qos_policies.leave(tx, network.spec.get("qos_policy_id"), realization.backend_id, now)


async def settled(tx: Transaction, network: Resource, observed: Observed) -> None:
    """A backend has it: its status and MTU are what the tenant sees."""
    seen = observed.document
    known = network.spec["mtu_is_chosen"] or network.spec.get("interconnect")
    mtu = {} if known else {"mtu": seen.get("mtu") or MTU}
    await standard.note(tx, network, document, status=seen.get("status", "ACTIVE"), spec=mtu)


async def stopped(tx: Transaction, network: Resource, reason: str) -> None:
    """A backend refused it; Neutron has no field for the words."""
    await standard.note(tx, network, document, status="ERROR")


async def lost(tx: Transaction, network: Resource) -> None:
    """It was deleted behind our back."""
    await standard.note(tx, network, document, status="ERROR")


async def vanished(tx: Transaction, network: Resource) -> None:
    """Its quota and addresses were given back when the tenant deleted it."""

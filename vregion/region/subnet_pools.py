"""Subnet pools: prefixes of a project from which its subnets are cut, and what of them is free.

The pool's spec keeps the free blocks (`free`), so a subnet is cut without a look at the others, and the lock on the
pool's row makes it one subnet's. Called by the API, and by subnets, networks and `subnet_pool_changes`.
"""

from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from vregion.ipam import blocks, prefixes
from vregion.ipam.blocks import Blocks
from vregion.ipam.prefixes import Prefix
from vregion.model.caller import Caller
from vregion.model.refusals import Conflict, Invalid, NotFound, OverQuota
from vregion.model.resource import Kind, Resource
from vregion.region import address_scopes, resources, sharing, usages
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query

# Neutron's defaults by IP version (29.0.0 `neutron/ipam/subnet_alloc.py` SubnetPoolHelper).
_LEAST = {4: 8, 6: 64}
_BITS = {4: 32, 6: 128}
_QUOTA_UNIT = {4: 32, 6: 64}
BOUNDS = ("min_prefixlen", "max_prefixlen", "default_prefixlen")


def document(pool: Resource) -> dict[str, Any]:
    """What a show answers; lengths are words there."""
    spec = pool.spec
    return {
        "id": pool.id,
        "name": pool.name,
        **standard.owned(pool),
        "prefixes": spec["prefixes"],
        **{name: str(spec[name]) for name in BOUNDS},
        "default_quota": spec["default_quota"],
        "is_default": spec["is_default"],
        "shared": spec["shared"],
        "ip_version": spec["ip_version"],
        "address_scope_id": spec["address_scope_id"],
        **standard.tail(pool),
    }


async def get(tx: Transaction, caller: Caller, pool_id: str) -> Resource:
    """A pool that the caller sees. Raises NotFound."""
    pool = await resources.find(tx, Kind.SUBNET_POOL, pool_id)
    if pool is None or not sharing.sees(caller, pool):
        raise NotFound(f"Subnet pool {pool_id} could not be found.", reason="SubnetPoolNotFound")
    return pool


async def default(tx: Transaction, caller: Caller, version: int) -> Resource | None:
    """The pool that is taken when a request wants the default one."""
    filters = (Filter("spec.is_default", True), Filter("spec.ip_version", version))
    found = await resources.list_resources(tx, Query(Kind.SUBNET_POOL, filters=filters, **sharing.visible(caller)))
    return found[0] if found else None


async def create(tx: Transaction, caller: Caller, wanted: dict[str, Any], now: datetime) -> Resource:
    """A new pool, all of it free."""
    spec = checked({"default_quota": None, "address_scope_id": None, **wanted})
    pool = standard.fresh(Kind.SUBNET_POOL, caller, {"revision_number": 0, **spec, "free": spec["prefixes"]}, now)
    if spec["is_default"]:
        await check_default(tx, caller, spec["ip_version"])
    await check_scope(tx, caller, pool)
    await standard.reserve(tx, pool.project_id, "subnetpool")
    pool = await standard.insert(tx, pool, document)
    await sharing.open_to_all(tx, caller, pool, now, wanted=spec["shared"])
    return pool


async def delete(tx: Transaction, caller: Caller, pool_id: str, revision: int | None) -> None:
    """End a pool that no subnet is from."""
    await resources.lock(tx, Kind.SUBNET_POOL, pool_id)
    pool = await get(tx, caller, pool_id)
    standard.check_owner(pool, caller, "delete_subnetpool")
    standard.check_revision(pool, revision)
    if allocated(pool):
        message = "Unable to delete subnet pool: Subnet pool has existing allocations."
        raise Invalid(message, reason="SubnetPoolDeleteError")
    await sharing.forget(tx, pool_id)
    await usages.release(tx, pool.project_id, {"subnetpool": 1})
    await resources.remove(tx, Kind.SUBNET_POOL, pool_id)


def allocated(pool: Resource) -> Blocks:
    """What subnets have of it."""
    return blocks.minus(blocks.parse(pool.spec["prefixes"]), blocks.parse(pool.spec["free"]))


async def take(
    tx: Transaction, caller: Caller, pool_id: str, wanted: dict[str, Any], exact: Prefix | None
) -> tuple[Resource, Prefix]:
    """Cut a prefix out of a pool: that one, or one of the wanted or default length; the pool as it is now, too.

    The caller's project is whose quota counts. Raises what Neutron raises; Conflict where there is no room, for which
    Neutron 29 fails with 500.
    """
    await resources.lock(tx, Kind.SUBNET_POOL, pool_id)
    pool = await get(tx, caller, pool_id)
    version = pool.spec["ip_version"]
    if wanted["ip_version"] != version:
        words = f"Cannot allocate IPv{wanted['ip_version']} subnet from IPv{version} subnet pool"
        raise Invalid(f"Bad subnets request: {words}.", reason="BadRequest")
    length = exact.prefixlen if exact else wanted.get("prefixlen")
    length = pool.spec["default_prefixlen"] if length is None else length
    if exact is None and wanted.get("gateway_ip"):
        exact = _around(wanted["gateway_ip"], length, version)
    _check_length(pool, length)
    await _check_quota(tx, pool, caller.project_id, length)
    free = blocks.parse(pool.spec["free"])
    found = exact or blocks.any_of(free, length)
    left = blocks.without(free, found) if found else None
    if found is None or left is None:
        words = "Cannot allocate requested subnet from the available set of prefixes"
        words = words if exact else f"Insufficient prefix space to allocate subnet size /{length}"
        raise Conflict(f"Failed to allocate subnet: {words}.", reason="SubnetAllocationError")
    return await standard.note(tx, pool, document, spec={"free": blocks.texts(left)}), found


async def give_back(tx: Transaction, subnet: Resource) -> None:
    """The subnet ends, or goes to another pool: its prefix is free again."""
    pool_id = subnet.spec.get("subnetpool_id")
    if not pool_id:
        return
    await resources.lock(tx, Kind.SUBNET_POOL, pool_id)
    pool = await resources.get(tx, Kind.SUBNET_POOL, pool_id)
    free = blocks.compact([*blocks.parse(pool.spec["free"]), prefixes.prefix(subnet.spec["cidr"])])
    await standard.note(tx, pool, document, spec={"free": blocks.texts(free)})


def checked(spec: dict[str, Any]) -> dict[str, Any]:
    """A pool's spec with its lengths and compact prefixes (`subnet_alloc.py` SubnetPoolReader). Raises Invalid."""
    given = blocks.parse(spec["prefixes"])
    if not given:
        raise Invalid("Empty subnet pool prefix list.", reason="EmptySubnetPoolPrefixList")
    version = given[0].version
    if any(one.version != version for one in given):
        raise Invalid("Cannot mix IPv4 and IPv6 prefixes in a subnet pool.", reason="PrefixVersionMismatch")
    least = spec.get("min_prefixlen", _LEAST[version])
    most = spec.get("max_prefixlen", _BITS[version])
    usual = spec.get("default_prefixlen", least)
    for wrong, name, value, other, limit in (
        (least > most, "min_prefixlen", least, "max_prefixlen", most),
        (most > _BITS[version], "max_prefixlen", most, "ip_version_max", _BITS[version]),
        (usual < least, "default_prefixlen", usual, "min_prefixlen", least),
        (usual > most, "default_prefixlen", usual, "max_prefixlen", most),
    ):
        if wrong:
            message = f"Illegal prefix bounds: {name}={value}, {other}={limit}."
            raise Invalid(message, reason="IllegalSubnetPoolPrefixBounds")
    lengths = dict(zip(BOUNDS, (least, most, usual), strict=True))
    return {**spec, **lengths, "ip_version": version, "prefixes": blocks.texts(blocks.compact(given))}


async def check_default(tx: Transaction, caller: Caller, version: int) -> None:
    """Raises Invalid when there is a default pool of that version."""
    if await default(tx, caller, version):
        words = "A default subnetpool for this IP family has already been set. Only one default may exist per IP family"
        raise Invalid(f"Invalid input for operation: {words}.", reason="InvalidInput")


async def check_scope(tx: Transaction, caller: Caller, pool: Resource) -> None:
    """Whether the pool, as it shall be, may be in its scope (`_validate_address_scope_id`). Raises as Neutron does."""
    scope_id = pool.spec["address_scope_id"]
    if not scope_id:
        return
    await resources.lock(tx, Kind.ADDRESS_SCOPE, scope_id)
    scope = await address_scopes.get(tx, caller, scope_id)
    if scope.spec["ip_version"] != pool.spec["ip_version"]:
        message = (
            f"Illegal subnetpool association: subnetpool {pool.id} cannot associate with address scope {scope_id} "
            f"because subnetpool ip_version is not {scope.spec['ip_version']}."
        )
        raise Invalid(message, reason="IllegalSubnetPoolIpVersionAssociationToAddressScope")
    await _check_affinity(tx, pool)
    mine = blocks.parse(pool.spec["prefixes"])
    for other in await address_scopes.pools_in(tx, scope_id):
        if other.id != pool.id and blocks.overlap(mine, blocks.parse(other.spec["prefixes"])):
            message = (
                "Failed to associate address scope: subnetpools within an address scope must have unique prefixes."
            )
            raise Conflict(message, reason="AddressScopePrefixConflict")


async def subnets_of(tx: Transaction, pool_id: str) -> list[Resource]:
    """The subnets from a pool."""
    filters = (Filter("deleting", False), Filter("spec.subnetpool_id", pool_id))
    return await resources.list_resources(tx, Query(Kind.SUBNET, filters=filters))


def apart() -> Invalid:
    """Two address scopes would be on one network."""
    words = (
        "Subnets of the same address family hosted on the same network must all participate in the same address scope"
    )
    return Invalid(f"{words}.", reason="NetworkAddressScopeAffinityError")


async def _check_affinity(tx: Transaction, pool: Resource) -> None:
    """Networks with subnets of this pool have none of another."""
    networks = {str(subnet.parent_id) for subnet in await subnets_of(tx, pool.id)}
    version = Filter("spec.ip_version", pool.spec["ip_version"])
    filters = (Filter("deleting", False), Filter("parent_id", sorted(networks), "in"), version)
    beside = await resources.list_resources(tx, Query(Kind.SUBNET, filters=filters)) if networks else []
    if any(subnet.spec.get("subnetpool_id") != pool.id for subnet in beside):
        raise apart()


def _around(gateway: str, length: int, version: int) -> Prefix:
    """The prefix that a gateway is in (neutron `ipam/requests.py` SubnetRequestFactory)."""
    if length > _BITS[version]:
        raise _no_network(f"{gateway}/{length}")
    return prefixes.prefix(f"{gateway}/{length}")


def _check_length(pool: Resource, length: int) -> None:
    version = pool.spec["ip_version"]
    if length > _BITS[version]:
        raise _no_network(f"{IPv4Address(0) if version == 4 else IPv6Address(0)}/{length}")
    for kind, wrong in (("Max", length > pool.spec["max_prefixlen"]), ("Min", length < pool.spec["min_prefixlen"])):
        if wrong:
            limit = pool.spec[f"{kind.lower()}_prefixlen"]
            words = f"{kind.lower()}imum allowed prefix is {limit}"
            message = f"Unable to allocate subnet with prefix length {length}, {words}."
            raise Invalid(message, reason=f"{kind}PrefixSubnetAllocationError")


def _no_network(text: str) -> Invalid:
    return Invalid(f"invalid IPNetwork {text}", reason="AddrFormatError")


async def _check_quota(tx: Transaction, pool: Resource, project_id: str, length: int) -> None:
    """`default_quota` counts what one project has: addresses of IPv4, /64 networks of IPv6."""
    quota = pool.spec["default_quota"]
    if not quota:
        return
    lengths = [prefixes.prefix(subnet.spec["cidr"]).prefixlen for subnet in await _of_project(tx, pool.id, project_id)]
    unit = _QUOTA_UNIT[pool.spec["ip_version"]]
    if sum(2.0 ** (unit - one) for one in (*lengths, length)) > quota:
        message = "Per-project subnet pool prefix quota exceeded."
        raise OverQuota(message, reason="SubnetPoolQuotaExceeded", status=409)


async def _of_project(tx: Transaction, pool_id: str, project_id: str) -> list[Resource]:
    return [subnet for subnet in await subnets_of(tx, pool_id) if subnet.project_id == project_id]

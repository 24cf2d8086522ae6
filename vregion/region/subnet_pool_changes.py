"""What happens to subnet pools that have subnets: attributes, prefixes that come and go, subnets taken in later.

Called by the API. Locks are taken in the order of `subnets`: the network, the pool, the address scope.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from vregion.ipam import blocks, prefixes
from vregion.ipam.blocks import Blocks
from vregion.model.caller import Caller
from vregion.model.refusals import Forbidden, Invalid
from vregion.model.resource import Kind, Resource
from vregion.region import networks, resources, subnet_pools, subnets
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction


async def update(
    tx: Transaction, caller: Caller, pool_id: str, wanted: dict[str, Any], revision: int | None, now: datetime
) -> Resource:
    """Change what may change; prefixes may grow only."""
    pool = await _locked(tx, caller, pool_id, "update_subnetpool")
    standard.check_revision(pool, revision)
    return await _change(tx, caller, pool, wanted, now)


async def add_prefixes(tx: Transaction, caller: Caller, pool_id: str, texts: Sequence[str], now: datetime) -> Resource:
    """More prefixes."""
    pool = await _locked(tx, caller, pool_id, "add_prefixes")
    return await _change(tx, caller, pool, {"prefixes": [*pool.spec["prefixes"], *texts]}, now)


async def remove_prefixes(tx: Transaction, caller: Caller, pool_id: str, gone: Blocks, now: datetime) -> Resource:
    """Fewer prefixes, none of which a subnet has; those that are not there are passed over."""
    pool = await _locked(tx, caller, pool_id, "remove_prefixes")
    there = blocks.parse(pool.spec["prefixes"])
    if not blocks.overlap(there, gone):
        return pool
    gone = [one for one in gone if one.version == pool.spec["ip_version"]]
    if blocks.overlap(subnet_pools.allocated(pool), gone):
        raise _bad_prefixes("One or more the prefixes to be removed is in use by a subnet.")
    spec = {
        "prefixes": blocks.texts(blocks.minus(there, gone)),
        "free": blocks.texts(blocks.minus(blocks.parse(pool.spec["free"]), gone)),
    }
    return await standard.revise(tx, pool, subnet_pools.document, now, spec=spec)


async def onboard(tx: Transaction, caller: Caller, pool_id: str, network_id: str, now: datetime) -> list[Resource]:
    """A network's subnets of the pool's version become the pool's."""
    await subnet_pools.get(tx, caller, pool_id)
    await resources.lock(tx, Kind.NETWORK, network_id)
    network = await networks.get(tx, caller, network_id)
    if network.project_id != caller.project_id and not caller.is_admin:
        raise Forbidden("Not authorized.", reason="NotAuthorized")
    pool = await _locked(tx, caller, pool_id, "onboard_network_subnets")
    version, taken = pool.spec["ip_version"], subnet_pools.allocated(pool)
    found = [one for one in await subnets.of_network(tx, network_id) if one.spec["ip_version"] == version]
    cidrs = [prefixes.prefix(subnet.spec["cidr"]) for subnet in found]
    for subnet, cidr in zip(found, cidrs, strict=True):
        if blocks.overlap([cidr], taken):
            raise _bad_update(
                f"Onboarding subnet {subnet.id}: {cidr} conflicts with allocated prefixes in subnet pool {pool_id}"
            )
    grown = blocks.texts(blocks.compact([*blocks.parse(pool.spec["prefixes"]), *cidrs]))
    pool = await _change(tx, caller, pool, {"prefixes": grown}, now)
    free = blocks.minus(blocks.parse(pool.spec["free"]), cidrs)
    pool = await standard.note(tx, pool, subnet_pools.document, spec={"free": blocks.texts(free)})
    for subnet in found:
        await subnet_pools.give_back(tx, subnet)
        await standard.note(tx, subnet, subnets.document, spec={"subnetpool_id": pool_id})
    if found:
        await networks.scoped(tx, network_id, version, pool.spec["address_scope_id"])
    return found


async def _locked(tx: Transaction, caller: Caller, pool_id: str, rule: str) -> Resource:
    await resources.lock(tx, Kind.SUBNET_POOL, pool_id)
    pool = await subnet_pools.get(tx, caller, pool_id)
    standard.check_owner(pool, caller, rule)
    return pool


async def _change(tx: Transaction, caller: Caller, pool: Resource, wanted: dict[str, Any], now: datetime) -> Resource:
    """Neutron's order (29.0.0 `db_base_plugin_v2.py` update_subnetpool)."""
    before, taken = blocks.parse(pool.spec["prefixes"]), subnet_pools.allocated(pool)
    columns = {"name": wanted.pop("name")} if "name" in wanted else {}
    if not wanted and not columns:
        return pool
    given = blocks.parse(wanted.get("prefixes", pool.spec["prefixes"]))
    if not all(any(old.version == new.version for new in given) for old in before) or not _covers(given, before):
        raise _bad_prefixes("Existing prefixes must be a subset of the new prefixes")
    spec = subnet_pools.checked({**pool.spec, **wanted})
    if spec["is_default"] and not pool.spec["is_default"]:
        await subnet_pools.check_default(tx, caller, spec["ip_version"])
    if scope_id := pool.spec["address_scope_id"]:
        await _check_scope_is_own(tx, caller, pool, scope_id)
    await subnet_pools.check_scope(tx, caller, replace(pool, spec=spec))
    spec["free"] = blocks.texts(blocks.minus(blocks.parse(spec["prefixes"]), taken))
    scope = spec["address_scope_id"]
    if scope != pool.spec["address_scope_id"]:
        for network_id in sorted({str(one.parent_id) for one in await subnet_pools.subnets_of(tx, pool.id)}):
            await networks.scoped(tx, network_id, spec["ip_version"], scope)
    return await standard.revise(tx, pool, subnet_pools.document, now, spec=spec, **columns)


def _covers(given: Blocks, before: Blocks) -> bool:
    version = before[0].version
    return blocks.covers(blocks.compact([one for one in given if one.version == version]), before)


async def _check_scope_is_own(tx: Transaction, caller: Caller, pool: Resource, scope_id: str) -> None:
    """In somebody else's scope a pool is as it is."""
    scope = await resources.get(tx, Kind.ADDRESS_SCOPE, scope_id)
    if not caller.is_admin and scope.project_id != caller.project_id:
        raise _bad_update(
            f"subnetpool {pool.id} cannot be updated when associated with shared address scope {scope_id}"
        )


def _bad_prefixes(words: str) -> Invalid:
    return Invalid(f"Illegal update to prefixes: {words}.", reason="IllegalSubnetPoolPrefixUpdate")


def _bad_update(words: str) -> Invalid:
    return Invalid(f"Illegal subnetpool update : {words}.", reason="IllegalSubnetPoolUpdate")

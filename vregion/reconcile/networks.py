"""Networks on backends: made when the first port there needs one; one that spans zones is the same segment in each.

Its segment comes from the directory when the first zone makes it. Only then the provider's own credential is needed,
since a backend lets nobody else choose a segment; all the rest the tenant's does, who owns it.
"""

from datetime import datetime
from typing import Any

from vregion.drivers.contract import Observed, Permanent
from vregion.drivers.interconnects import KINDS
from vregion.drivers.interconnects.contract import Place
from vregion.model.resource import Kind, Realization, Resource
from vregion.reconcile.recipe import Recipe, References
from vregion.reconcile.work import Joins, Work
from vregion.region import networks, transits
from vregion.region.leases import LeaseLost
from vregion.region.qos_policies import POLICY_ID
from vregion.region.regions import Transaction


def body(resource: Resource, references: References) -> dict[str, Any]:
    """Neutron's create body, without what is not wanted: not every Neutron knows QoS."""
    return {name: value for name, value in update(resource, references).items() if name != POLICY_ID or value}


def update(resource: Resource, references: References) -> dict[str, Any]:
    """What may change later; an MTU only where the tenant or an interconnect decides it.

    What is the provider's is never made.
    """
    spec = resource.spec
    if spec["router:external"]:
        raise Permanent("the availability zone has no network to the outside", 409)
    decided = {"mtu": spec["mtu"]} if spec["mtu_is_chosen"] or spec.get("interconnect") else {}
    return {
        "name": resource.name,
        "admin_state_up": spec["admin_state_up"],
        "port_security_enabled": spec["port_security_enabled"],
        POLICY_ID: policy_of(resource, references),
        **decided,
    }


def policy_of(resource: Resource, references: References) -> str | None:
    """The backend's id of the QoS policy that the resource names."""
    policy_id = resource.spec.get(POLICY_ID)
    return references[Kind.QOS_POLICY, policy_id] if policy_id else None


async def here(work: Work, network: Resource) -> Resource:
    """One that shall span zones has its segment before anything is made of it; without one it stays in this zone."""
    name = network.spec.get("interconnect")
    if name is None or network.spec.get("segment") is not None:
        return network
    try:
        number = await work.joins.segment(name, work.region.id, networks.segment_owner(network))
    except LookupError as gone:
        raise Permanent(str(gone)) from gone
    async with work.region.write() as tx:
        if number is not None:
            kept = await networks.keep_segment(tx, network.id, number)
        else:
            kept = await networks.stay_local(tx, network.id, f"interconnect {name} has no segment left")
    if kept is None and number is None:
        raise Permanent(f"interconnect {name} has no segment left")
    if kept is None:  # it ended while we slept
        await work.joins.free_segments(work.region.id, networks.segment_owner(network))
        raise LeaseLost(network.id)
    return kept


async def make(work: Work, network: Resource, wanted: dict[str, Any]) -> Observed:
    """By the tenant himself, or as a segment by whom its kind of interconnect wants it."""
    place = await _place(work, network)
    if place is None:
        return await work.collection.create(network.id, wanted)
    return await KINDS[place.interconnect.kind].create(place, network.id, wanted)


async def fill(work: Work, observed: Observed) -> Observed:
    """What ties a segment to its namesakes beside its number."""
    assert work.resource is not None
    place = await _place(work, work.resource)
    if place is not None:
        await KINDS[place.interconnect.kind].tie(place, observed.external_id)
    return observed


async def _place(work: Work, network: Resource) -> Place | None:
    """Where the segment is; None for a network of one zone. Raises Permanent when this backend is joined no more."""
    name, number = network.spec.get("interconnect"), network.spec.get("segment")
    if name is None or number is None:
        return None
    interconnect = (await work.joins.interconnects()).get(name)
    backend_id = work.realization.backend_id
    if interconnect is None or backend_id not in interconnect.members:
        raise Permanent(f"interconnect {name} does not join this zone")
    return Place(interconnect, number, backend_id, work.driver, await work.open_provider())


async def free(joins: Joins, region_id: str, network: Resource) -> None:
    """Others may have its segment."""
    if network.spec.get("interconnect"):
        await joins.free_segments(region_id, networks.segment_owner(network))


async def leaves(tx: Transaction, network: Resource, realization: Realization, now: datetime) -> None:
    """With the last network in a zone goes what joins routers there."""
    await networks.leaves(tx, network, realization, now)
    await transits.tidy(tx, now)


RECIPE = Recipe(
    kind=Kind.NETWORK,
    body=body,
    update=update,
    here=here,
    make=make,
    fill=fill,
    leaves=leaves,
    free=free,
    settled=networks.settled,
    stopped=networks.stopped,
    lost=networks.lost,
    vanished=networks.vanished,
    outlasts=True,
)

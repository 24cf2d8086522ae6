"""Floating IPs on backends: the address first, since somebody waits for it; then what it leads to."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from vregion.drivers.contract import Observed
from vregion.model.resource import Kind, Resource
from vregion.reconcile.networks import policy_of
from vregion.reconcile.recipe import Recipe, References
from vregion.reconcile.work import Work
from vregion.region import floating_ips
from vregion.region.qos_policies import POLICY_ID

PATIENCE = timedelta(minutes=2)
_FORWARDED = (
    "protocol", "internal_ip_address", "internal_port", "external_port", "internal_port_range", "external_port_range",
)  # fmt: skip


def body(resource: Resource, references: References) -> dict[str, Any]:
    """Neutron's create body: an address of the zone, leading nowhere."""
    spec = resource.spec
    return {
        "floating_network_id": references[Kind.NETWORK, spec["floating_network_id"]],
        "subnet_id": references[Kind.SUBNET, spec["floating_subnet_id"]],
        **({POLICY_ID: policy} if (policy := policy_of(resource, references)) else {}),
    }


async def associate(work: Work, observed: Observed) -> Observed:
    """Let it lead where it shall, as far as that is there. A port that is on its way is looked for again; one that no
    server has yet rings when a server gets it."""
    ip = work.resource
    assert ip is not None
    port_id, address = ip.spec["port_id"], ip.spec["fixed_ip_address"]
    async with work.region.read() as tx:
        port = await floating_ips.leads_to(tx, ip, port_id, address) if port_id else None
        waits = port is None and await floating_ips.is_coming(tx, ip, port_id)
        carried = await floating_ips.is_carried(tx, ip)
        wanted: dict[str, Any] = {"port_id": port, POLICY_ID: policy_of(ip, work.references)}
        if port:
            wanted["fixed_ip_address"] = address
            if router := await floating_ips.chosen_router(tx, ip):
                wanted["router_id"] = router
        if ip.spec["port_forwardings"] is not None:
            wanted["port_forwardings"] = []
            for one in ip.spec["port_forwardings"]:
                inside = await floating_ips.leads_to(tx, ip, one["internal_port_id"], one["internal_ip_address"])
                waits = waits or (inside is None and await floating_ips.is_coming(tx, ip, one["internal_port_id"]))
                if inside:
                    plain = {name: one.get(name) for name in _FORWARDED}
                    for side in ("internal_port", "external_port"):
                        plain[f"{side}_range"] = None if one[side] else one.get(f"{side}_range")
                    wanted["port_forwardings"].append(plain | {"internal_port_id": inside})
    elsewhere = observed.document.get("port_id") or observed.document.get(POLICY_ID) != wanted[POLICY_ID]
    if not waits or "port_forwardings" in wanted or elsewhere:
        observed = await work.collection.update(observed.external_id, wanted)
    waits = waits or await _passes(work, observed, carried)
    return replace(observed, settled=observed.settled and not waits)


async def _passes(work: Work, observed: Observed, carried: bool) -> bool:
    """Whether the zone is still at it: an agent reports the state of an associated one later, or, being dead, never."""
    if observed.document.get("port_id") is None or (observed.document.get("status") == "DOWN") is not carried:
        if work.realization.observed:
            await work.save(observed={})
        return False
    since = work.realization.observed.get("other_since")
    if since is None:
        await work.save(observed={"other_since": work.now().isoformat()})
        return True
    return work.now() < datetime.fromisoformat(since) + PATIENCE


RECIPE = Recipe(
    kind=Kind.FLOATING_IP,
    body=body,
    fill=associate,
    settled=floating_ips.settled,
    stopped=floating_ips.stopped,
    lost=floating_ips.lost,
    vanished=floating_ips.vanished,
    leaves=floating_ips.leaves,
)

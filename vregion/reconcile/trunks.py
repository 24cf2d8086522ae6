"""Trunks on backends: made when their ports are there, and before the server that gets the parent port."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from vregion.drivers.contract import Observed
from vregion.model.resource import Kind, Resource
from vregion.reconcile.recipe import Recipe, References
from vregion.reconcile.work import Work
from vregion.region import resources, trunks

PATIENCE = timedelta(minutes=2)


def body(resource: Resource, references: References) -> dict[str, Any]:
    """Neutron's create body; an empty trunk that is disabled could get no sub-ports, so all comes at once."""
    return {"port_id": references[Kind.PORT, resource.spec["port_id"]], **update(resource, references)}


def update(resource: Resource, references: References) -> dict[str, Any]:
    """What may change later."""
    sub_ports = [{**one, "port_id": references[Kind.PORT, one["port_id"]]} for one in resource.spec["sub_ports"]]
    return {"name": resource.name, "admin_state_up": resource.spec["admin_state_up"], "sub_ports": sub_ports}


async def watch(work: Work, observed: Observed) -> Observed:
    """Once its server has the parent port, an agent brings the trunk up a little later, or, being dead, never."""
    assert work.resource is not None
    async with work.region.read() as tx:
        parent = await resources.find(tx, Kind.PORT, work.resource.spec["port_id"])
    if parent is None or parent.status != "ACTIVE" or observed.document.get("status") != "DOWN":
        if work.realization.observed:
            await work.save(observed={})
        return observed
    since = work.realization.observed.get("down_since")
    if since is None:
        since = work.now().isoformat()
        await work.save(observed={"down_since": since})
    return replace(observed, settled=work.now() >= datetime.fromisoformat(since) + PATIENCE)


RECIPE = Recipe(
    kind=Kind.TRUNK,
    body=body,
    update=update,
    fill=watch,
    settled=trunks.settled,
    stopped=trunks.stopped,
    lost=trunks.lost,
    vanished=trunks.vanished,
)

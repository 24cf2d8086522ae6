"""Networks on backends: made when the first port there needs one."""

from typing import Any

from vregion.drivers.contract import Permanent
from vregion.model.resource import Kind, Resource
from vregion.reconcile.recipe import Recipe, References
from vregion.region import networks


def body(resource: Resource, references: References) -> dict[str, Any]:
    """Neutron's create body; an MTU only where the tenant chose one. What is the provider's is never made."""
    spec = resource.spec
    if spec["router:external"]:
        raise Permanent("the availability zone has no network to the outside", 409)
    chosen = {"mtu": spec["mtu"]} if spec["mtu_is_chosen"] else {}
    return {
        "name": resource.name,
        "admin_state_up": spec["admin_state_up"],
        "port_security_enabled": spec["port_security_enabled"],
        **chosen,
    }


RECIPE = Recipe(
    kind=Kind.NETWORK,
    body=body,
    update=body,
    settled=networks.settled,
    stopped=networks.stopped,
    lost=networks.lost,
    vanished=networks.vanished,
)

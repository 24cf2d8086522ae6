"""Address groups on backends: copies of the tenant's, made again when they are lost."""

from typing import Any

from vregion.model.resource import Kind, Resource
from vregion.reconcile.recipe import Recipe, References
from vregion.region import address_groups


def body(group: Resource, references: References) -> dict[str, Any]:
    """Neutron's create body."""
    return {"name": group.name, "addresses": group.spec["addresses"]}


RECIPE = Recipe(
    Kind.ADDRESS_GROUP,
    body=body,
    update=body,
    settled=address_groups.settled,
    stopped=address_groups.stopped,
    vanished=address_groups.vanished,
    lost=address_groups.lost,
    recreate=True,
)

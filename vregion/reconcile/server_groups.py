"""Server groups on a backend, in Nova's newest form; the driver puts the mark into the name. Nothing of one changes."""

from typing import Any

from vregion.model.resource import Kind, Resource
from vregion.reconcile.recipe import Recipe, References
from vregion.region import server_groups


def body(group: Resource, references: References) -> dict[str, Any]:
    """Rules are sent when there are some: only anti-affinity has them."""
    wanted = {"name": group.name, "policy": group.spec["policy"]}
    return wanted | {"rules": group.spec["rules"]} if group.spec["rules"] else wanted


RECIPE = Recipe(
    Kind.SERVER_GROUP,
    body=body,
    settled=server_groups.settled,
    stopped=server_groups.stopped,
    vanished=server_groups.vanished,
    lost=server_groups.lost,
    recreate=True,
)

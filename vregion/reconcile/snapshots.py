"""Snapshots on backends, where their volumes are."""

from typing import Any

from vregion.model.resource import Kind, Resource
from vregion.reconcile.recipe import Recipe, References
from vregion.region import snapshots


def body(resource: Resource, references: References) -> dict[str, Any]:
    """Cinder's create body; whether the volume may be in use was decided when the request came."""
    spec = resource.spec
    return update(resource, references) | {"volume_id": references[Kind.VOLUME, spec["volume_id"]], "force": True}


def update(resource: Resource, references: References) -> dict[str, Any]:
    """What a tenant may change later."""
    spec = resource.spec
    return {"name": spec.get("name"), "description": spec.get("description"), "metadata": spec.get("metadata", {})}


RECIPE = Recipe(
    kind=Kind.SNAPSHOT,
    body=body,
    update=update,
    settled=snapshots.settled,
    stopped=snapshots.stopped,
    lost=snapshots.lost,
    vanished=snapshots.vanished,
)

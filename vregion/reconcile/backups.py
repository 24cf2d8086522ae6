"""Backups on backends, where their volumes are."""

from typing import Any

from vregion.model.resource import Kind, Resource
from vregion.reconcile.recipe import Recipe, References
from vregion.region import backups


def body(resource: Resource, references: References) -> dict[str, Any]:
    """Cinder's create body; whether the volume may be in use was decided when the request came."""
    spec = resource.spec
    wanted = update(resource, references) | {"volume_id": references[Kind.VOLUME, spec["volume_id"]], "force": True}
    if spec.get("snapshot_id"):
        wanted["snapshot_id"] = references[Kind.SNAPSHOT, spec["snapshot_id"]]
    return wanted | {name: spec[name] for name in ("incremental", "container") if spec.get(name)}


def update(resource: Resource, references: References) -> dict[str, Any]:
    """What a tenant may change later."""
    spec = resource.spec
    return {"name": spec.get("name"), "description": spec.get("description"), "metadata": spec.get("metadata", {})}


RECIPE = Recipe(
    kind=Kind.BACKUP,
    body=body,
    update=update,
    settled=backups.settled,
    stopped=backups.stopped,
    lost=backups.lost,
    vanished=backups.vanished,
)

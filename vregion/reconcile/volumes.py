"""Volumes on backends. What they begin with (snapshot, volume, image) is there before them."""

from typing import Any

from vregion.drivers.contract import Transient
from vregion.model.resource import Kind, Resource
from vregion.reconcile.recipe import Recipe, References
from vregion.region import volume_copies, volume_hints, volume_types, volumes


def body(resource: Resource, references: References) -> dict[str, Any]:
    """Cinder's create body; the backend's own zone serves it, and for the type `default` its own default type."""
    spec = resource.spec
    wanted: dict[str, Any] = {name: spec.get(name) for name in ("size", "name", "description")}
    wanted["metadata"] = spec.get("metadata", {})
    if (kind := volume_types.of(resource)[0]) != volume_types.NAME:
        wanted["volume_type"] = kind
    if copy := spec.get(volume_copies.COPY):
        if (Kind.IMAGE, copy["image"]) not in references:
            raise Transient("its copy is on the way")
        return wanted | {"imageRef": references[Kind.IMAGE, copy["image"]]}
    for name, kind in (
        ("snapshot_id", Kind.SNAPSHOT),
        ("source_volid", Kind.VOLUME),
        ("backup_id", Kind.BACKUP),
        ("imageRef", Kind.IMAGE),
    ):
        if spec.get(name):
            wanted[name] = references[kind, spec[name]]
            break
    if hints := volume_hints.translated(spec.get("scheduler_hints", {}), references):
        wanted["OS-SCH-HNT:scheduler_hints"] = hints
    return wanted


def update(resource: Resource, references: References) -> dict[str, Any]:
    """What a tenant may change later; the size changes by a live call only."""
    spec = resource.spec
    told = {"name": spec.get("name"), "description": spec.get("description"), "metadata": spec.get("metadata", {})}
    if volume_copies.BOOTABLE in spec:
        told["bootable"] = spec[volume_copies.BOOTABLE]
    return told


RECIPE = Recipe(
    kind=Kind.VOLUME,
    body=body,
    update=update,
    settled=volumes.settled,
    stopped=volumes.stopped,
    lost=volumes.lost,
    vanished=volumes.vanished,
)

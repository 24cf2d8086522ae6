"""The extensions that this API has, in Cinder's way of telling: clients look for the aliases."""

from typing import Any

from vregion.api.http import Call, Reply, Routes
from vregion.model.refusals import NotFound

routes = Routes()
_EXTENSIONS = (
    ("os-availability-zone", "AvailabilityZones", "Availability zones of the virtual region."),
    ("os-extended-snapshot-attributes", "ExtendedSnapshotAttributes", "Project and progress of a snapshot."),
    ("os-hosts", "Hosts", "Cinder's own hosts, for the provider's administrators only."),
    ("os-quota-sets", "Quotas", "The quota of a project."),
    ("os-quota-class-sets", "QuotaClasses", "The quota that a project has which nobody gave its own."),
    ("backups", "Backups", "Backups of volumes, in the zone of each."),
    ("cgsnapshots", "Cgsnapshots", "Snapshots of consistency groups: none."),
    ("consistencygroups", "Consistencygroups", "Consistency groups: none."),
    ("os-types-extra-specs", "TypesExtraSpecs", "Extra specs of volume types that a tenant sees."),
    ("os-volume-encryption-metadata", "VolumeEncryptionMetadata", "The encryption of a volume."),
    ("os-volume-transfer", "VolumeTransfer", "Volumes handed from project to project."),
    ("os-used-limits", "UsedLimits", "Limits with what is used of them."),
    ("os-vol-image-meta", "VolumeImageMetadata", "The image that a volume was made of."),
    ("os-vol-tenant-attr", "VolumeTenantAttribute", "The project of a volume."),
    ("os-volume-actions", "VolumeActions", "Extend, bootable and read-only flags, upload as an image."),
    ("OS-SCH-HNT", "SchedulerHints", "Hints for the zone's scheduler."),
)


@routes.get("/extensions", policy="volume_extension:list_extensions")
async def index(call: Call) -> Reply:
    """All of them."""
    return Reply({"extensions": _all()})


@routes.get("/extensions/{alias}", policy="volume_extension:list_extensions")
async def show(call: Call) -> Reply:
    """One."""
    for one in _all():
        if one["alias"] == call.path["alias"]:
            return Reply({"extension": one})
    raise NotFound("The resource could not be found.")


def _all() -> list[dict[str, Any]]:
    return [
        {"name": name, "alias": alias, "description": words, "updated": "2026-01-01T00:00:00+00:00", "links": []}
        for alias, name, words in _EXTENSIONS
    ]

"""The extensions that this API has, in Cinder's way of telling: clients look for the aliases."""

from vregion.api.http import Call, Reply, Routes

routes = Routes()
_EXTENSIONS = (
    ("os-availability-zone", "AvailabilityZones", "Availability zones of the virtual region."),
    ("os-extended-snapshot-attributes", "ExtendedSnapshotAttributes", "Project and progress of a snapshot."),
    ("os-hosts", "Hosts", "Cinder's own hosts, for the provider's administrators only."),
    ("os-quota-sets", "Quotas", "The quota of a project."),
    ("os-used-limits", "UsedLimits", "Limits with what is used of them."),
    ("os-vol-image-meta", "VolumeImageMetadata", "The image that a volume was made of."),
    ("os-vol-tenant-attr", "VolumeTenantAttribute", "The project of a volume."),
    ("os-volume-actions", "VolumeActions", "Extend, bootable and read-only flags, upload as an image."),
    ("OS-SCH-HNT", "SchedulerHints", "Hints for the zone's scheduler."),
)


@routes.get("/extensions", policy="volume_extension:list_extensions")
async def index(call: Call) -> Reply:
    """All of them."""
    found = [
        {"name": name, "alias": alias, "description": words, "updated": "2026-01-01T00:00:00+00:00", "links": []}
        for alias, name, words in _EXTENSIONS
    ]
    return Reply({"extensions": found})

"""Absolute limits of the project, with what it uses of them. No rate limits: Cinder has none either."""

from vregion.api.http import Call, Reply, Routes
from vregion.region import usages

routes = Routes()
_SHOWN = (
    ("volumes", "maxTotalVolumes", "totalVolumesUsed"),
    ("snapshots", "maxTotalSnapshots", "totalSnapshotsUsed"),
    ("gigabytes", "maxTotalVolumeGigabytes", "totalGigabytesUsed"),
    ("backups", "maxTotalBackups", "totalBackupsUsed"),
    ("backup_gigabytes", "maxTotalBackupGigabytes", "totalBackupGigabytesUsed"),
)


@routes.get("/limits", policy="limits_extension:used_limits")
async def show(call: Call) -> Reply:
    """Over all zones."""
    async with call.region.read() as tx:
        known = await usages.limits(tx, call.project_id)
    absolute = {}
    for resource, limit, used in _SHOWN:
        absolute[limit], absolute[used] = known[resource]
    return Reply({"limits": {"rate": [], "absolute": absolute}})

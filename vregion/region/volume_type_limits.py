"""Limits of a single volume type in a project: how many volumes, gigabytes, snapshots of it (Cinder's `volumes_TYPE`).

Called by `volumes` when it reserves, and by the quota API. A limit is a row of `usages` or of the class, under the
type's id, since names may be long. What is used is counted, and only where there is a limit: after the project's
reservation, which has locked the project's usage, so that nothing joins it meanwhile.
"""

from collections.abc import Mapping

from sqlalchemy import func, select

from vregion.model.refusals import OverQuota
from vregion.model.resource import Kind
from vregion.region import volume_types
from vregion.region.regions import Transaction
from vregion.region.tables import resources

_LIMITS = {
    "volumes": "VolumeLimitExceeded",
    "snapshots": "SnapshotLimitExceeded",
    "backups": "BackupLimitExceeded",
    "groups": "GroupLimitExceeded",
}
PARTS = ("volumes", "gigabytes", "snapshots")
GIGABYTES = "vregion:gigabytes"  # in a volume's spec: what the quota was charged


def key(part: str, type_id: str) -> str:
    """The name of a limit in the rows."""
    return f"{part}_{type_id}"


async def require(
    tx: Transaction,
    project_id: str,
    kind: tuple[str, str],
    known: Mapping[str, tuple[int, int]],
    amounts: Mapping[str, int],
) -> None:
    """After the project's reservation: the limits of a type (name, id) hold too. Raises OverQuota in Cinder's words.

    `known`: resource -> (limit, used) of the project, of which only the limits count here.
    """
    name, type_id = kind
    limits = {p: known.get(key(p, type_id), (-1, 0))[0] for p in sorted(PARTS) if amounts.get(p, 0) > 0}
    limits = {part: limit for part, limit in limits.items() if limit >= 0}
    taken = await used(tx, project_id) if limits else {}
    for part, limit in limits.items():
        there = taken.get(key(part, type_id), 0)
        if there + amounts[part] > limit:
            raise refuse(part, f"{part}_{name}", amounts[part], limit, there)


async def used(tx: Transaction, project_id: str) -> dict[str, int]:
    """Key -> what the project has of it: volumes with their types, snapshots with those of their volumes."""
    volumes, snapshots = resources.alias(), resources.alias()
    type_id = func.coalesce(volumes.c.spec["volume_type_id"].as_string(), volume_types.ID).label("type_id")
    of_volumes = (
        select(type_id, func.count(), func.sum(volumes.c.spec[GIGABYTES].as_integer()))
        .where(volumes.c.region_id == tx.region_id, volumes.c.kind == Kind.VOLUME, volumes.c.project_id == project_id)
        .group_by(type_id)
    )
    same = (snapshots.c.region_id == volumes.c.region_id) & (snapshots.c.parent_id == volumes.c.id)
    of_snapshots = (
        select(type_id, func.count(), func.sum(snapshots.c.spec["size"].as_integer()))
        .join_from(snapshots, volumes, same)
        .where(snapshots.c.region_id == tx.region_id, snapshots.c.kind == Kind.SNAPSHOT)
        .where(snapshots.c.project_id == project_id, volumes.c.kind == Kind.VOLUME)
        .group_by(type_id)
    )
    found: dict[str, int] = {}
    for part, statement in (("volumes", of_volumes), ("snapshots", of_snapshots)):
        for row in await tx.execute(statement):
            of, count, size = tuple(row)
            found[key(part, of)] = count
            found[key("gigabytes", of)] = found.get(key("gigabytes", of), 0) + int(size or 0)
    return found


def refuse(part: str, name: str, amount: int, limit: int, there: int) -> OverQuota:
    """Cinder's words for what does not fit, with its name for it (413; cinder 29.0.0 exception.py QuotaError,
    api/middleware/fault.py). `name`: of the quota.
    """
    words = f"{_LIMITS[part]}: Maximum number of {part} allowed ({limit}) exceeded" if part in _LIMITS else ""
    words += f" for quota '{name}'." if part == "volumes" else ""
    left = f"quota. Requested {amount}G, quota is {limit}G and {there}G has been consumed."
    if part == "backup_gigabytes":
        words = f"VolumeBackupSizeExceedsAvailableQuota: Requested backup exceeds allowed Backup gigabytes {left}"
    elif part == "gigabytes":
        words = f"VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed {name} {left}"
    return OverQuota(words, status=413)

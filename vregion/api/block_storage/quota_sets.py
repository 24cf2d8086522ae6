"""The quota of the caller's project, over all zones. The provider sets it."""

from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.block_storage.types import true
from vregion.model.refusals import Forbidden
from vregion.region import usages

routes = Routes()
_SHOWN = ("volumes", "per_volume_gigabytes", "snapshots", "gigabytes", "backups", "backup_gigabytes", "groups")


@routes.get("/os-quota-sets/{project_id}", policy="volume_extension:quotas:show")
async def show(call: Call) -> Reply:
    """Limits, or with `usage` what is used of each."""
    project_id = _own(call)
    async with call.region.read() as tx:
        known = await usages.limits(tx, project_id)
    if true(call.query.get("usage", "")):
        told = {n: {"limit": known[n][0], "in_use": known[n][1], "reserved": 0} for n in _SHOWN}
        return Reply({"quota_set": {**told, "id": project_id}})
    return Reply({"quota_set": {**{name: known[name][0] for name in _SHOWN}, "id": project_id}})


@routes.get("/os-quota-sets/{project_id}/defaults", policy="volume_extension:quotas:show")
async def defaults(call: Call) -> Reply:
    """What a project has that nobody set a quota for."""
    project_id = _own(call)
    told = {name: usages.DEFAULT_LIMITS[name] for name in _SHOWN}
    return Reply({"quota_set": {**told, "id": project_id}})


def _own(call: Call) -> str:
    """Another project's quota is nobody's business. Raises Forbidden."""
    project_id = call.path["project_id"]
    if project_id != call.project_id:
        raise Forbidden("Policy doesn't allow volume_extension:quotas:show to be performed.")
    return project_id

"""Limits: what a project may use of compute, and uses, at each microversion. Network limits are Neutron's: -1 here."""

from vregion.api.compute.links import asked
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import quota_sets as schema
from vregion.model.microversion import Microversion
from vregion.region import usages

routes = Routes()
_RULE = "os_compute_api:limits"
_OTHER = f"{_RULE}:other_project"
RULES = {_RULE: "any", _OTHER: "admin"}

_LIMITS = {
    "maxTotalInstances": "instances",
    "maxTotalCores": "cores",
    "maxTotalRAMSize": "ram",
    "maxTotalKeypairs": "key_pairs",
    "maxServerMeta": "metadata_items",
    "maxServerGroups": "server_groups",
    "maxServerGroupMembers": "server_group_members",
}
_USED = {
    "totalInstancesUsed": "instances",
    "totalCoresUsed": "cores",
    "totalRAMUsed": "ram",
    "totalServerGroupsUsed": "server_groups",
}
_NETWORK = {
    **dict.fromkeys(("maxTotalFloatingIps", "maxSecurityGroups", "maxSecurityGroupRules"), -1),
    **dict.fromkeys(("totalFloatingIpsUsed", "totalSecurityGroupsUsed"), 0),
}


@routes.get("/limits", policy=_RULE)
async def index(call: Call) -> Reply:
    """The caller's project, or, for an admin, `tenant_id`."""
    schema.LIMITS.check(asked(call), call.microversion)
    project_id = call.project_id
    if "tenant_id" in call.query:
        call.enforce(_OTHER)
        project_id = call.query["tenant_id"]
    async with call.region.read() as tx:
        found = await usages.limits(tx, project_id)
    absolute = {word: found[name][0] for word, name in _LIMITS.items()}
    absolute |= {word: found[name][1] for word, name in _USED.items()}
    if call.microversion < Microversion(2, 36):
        absolute |= _NETWORK
    if call.microversion < Microversion(2, 39):
        absolute["maxImageMeta"] = found["metadata_items"][0]
    if call.microversion < Microversion(2, 57):
        absolute["maxPersonality"] = found["injected_files"][0]
        absolute["maxPersonalitySize"] = found["injected_file_content_bytes"][0]
    return Reply({"limits": {"rate": [], "absolute": absolute}})

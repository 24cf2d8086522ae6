"""The block storage service: Cinder v3, microversions 3.0 to 3.71, over every zone of the virtual region.

Joins this folder's files for `vregion.app`. Volumes and snapshots are written down and made by the reconcilers; only
the volume actions are live.
"""

from vregion.api import faults, operations
from vregion.api.block_storage import (
    attachments,
    availability_zones,
    backups,
    consistency_groups,
    default_types,
    encryption,
    extensions,
    group_snapshots,
    group_types,
    groups,
    limits,
    messages,
    qos_specs,
    quota_sets,
    resource_filters,
    snapshot_metadata,
    snapshots,
    volume_actions,
    volume_metadata,
    volume_transfers,
    volume_types,
    volumes,
)
from vregion.api.http import Reply, Route
from vregion.api.service import Versions
from vregion.model.microversion import Microversion

OPERATIONS = operations.table("block_storage")
HANDLED: list[Route] = [
    *volumes.routes.all,
    *volume_actions.routes.all,
    *volume_metadata.routes.all,
    *snapshots.routes.all,
    *snapshot_metadata.routes.all,
    *volume_types.routes.all,
    *default_types.routes.all,
    *volume_transfers.routes.all,
    *encryption.routes.all,
    *groups.routes.all,
    *group_types.routes.all,
    *group_snapshots.routes.all,
    *consistency_groups.routes.all,
    *resource_filters.routes.all,
    *attachments.routes.all,
    *availability_zones.routes.all,
    *backups.routes.all,
    *extensions.routes.all,
    *limits.routes.all,
    *messages.routes.all,
    *qos_specs.routes.all,
    *quota_sets.routes.all,
]
ROUTES = [*HANDLED, *operations.refusals(OPERATIONS, HANDLED)]
RULES = {
    **operations.rules(OPERATIONS),
    **volume_actions.RULES,
    **attachments.RULES,
    **backups.RULES,
    **default_types.RULES,
    **encryption.RULES,
    **groups.RULES,
    **group_types.RULES,
    **group_snapshots.RULES,
    **qos_specs.RULES,
    **quota_sets.RULES,
    **volume_types.RULES,
    "volume:create_transfer": "member",
    "volume:get_transfer": "reader",
    "volume:get_all_transfers": "reader",
    "volume:delete_transfer": "member",
    "volume:accept_transfer": "member",
    "volume_extension:types_extra_specs:show": "reader",
    "message:delete": "member",
    "volume:create": "member",
    "volume:create_from_image": "member",
    "volume:get": "reader",
    "volume:get_all": "reader",
    "volume:get_volume_metadata": "reader",
    "volume:create_volume_metadata": "member",
    "volume:update_volume_metadata": "member",
    "volume:delete_volume_metadata": "member",
    "volume:update": "member",
    "volume:delete": "member",
    "volume:force_delete": "nobody",
    "volume:create_snapshot": "member",
    "volume:get_snapshot": "reader",
    "volume:get_all_snapshots": "reader",
    "volume:update_snapshot": "member",
    "volume:delete_snapshot": "member",
    "volume:get_snapshot_metadata": "reader",
    "volume:update_snapshot_metadata": "member",
    "volume:delete_snapshot_metadata": "member",
    "volume:availability_zone_list": "reader",
    "volume_extension:type_get": "reader",
    "volume_extension:type_get_all": "reader",
    "volume_extension:list_extensions": "reader",
    "limits_extension:used_limits": "reader",
    "message:get_all": "reader",
    "message:get": "reader",
}
VERSIONS = Versions("volume", Microversion(3, 0), Microversion(3, 71), insists=True)
FAULT = faults.block_storage


def documents(path: str, root: str, newest: Microversion) -> Reply | None:
    """Version discovery: the list at the root, and the same with one entry below /v3/."""
    if path not in ("", "/", "/v3", "/v3/"):
        return None
    version = {
        "id": "v3.0",
        "status": "CURRENT",
        "version": str(newest),
        "min_version": str(VERSIONS.oldest),
        "updated": "2023-08-31T00:00:00Z",
        "links": [
            {"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"},
            {"rel": "self", "href": f"{root}/v3/"},
        ],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.volume+json;version=3"}],
    }
    return Reply({"versions": [version]}, 200 if path.startswith("/v3") else 300)

"""More of what lists are searched by stands in columns; PostgreSQL finds pages of servers in an index alone, too."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "r0007"
down_revision = "r0006"
branch_labels = None
depends_on = None

_COLUMNS: dict[str, Any] = {
    "owner": sa.String(255),
    "disk_format": sa.String(20),
    "metadata_text": sa.Text(),
    "security_groups": sa.Text(),
    "shared": sa.Boolean(),
    "shared_with": sa.Text(),
    "external": sa.Boolean(),
    "user_data": sa.Text(),
}
# Kinds -> column -> key in the spec.
_SHARED = {"shared": "shared", "shared_with": "shared_with"}
_FILLED: dict[tuple[str, ...], dict[str, str]] = {
    ("server", "deleted_server"): {"user_data": "user_data"},
    ("port",): {"security_groups": "security_groups"},
    ("volume", "snapshot"): {"metadata_text": "vregion:metadata"},
    ("image",): {"owner": "owner", "disk_format": "disk_format", "shared_with": "vregion:shared_accepted"},
    ("network", "subnet"): _SHARED | {"external": "router:external"},
    ("address_group", "address_scope", "qos_policy", "security_group", "subnetpool"): _SHARED,
}
_LISTED = ("region_id", "kind", "project_id", "created_at", "id")
_SHORT = (
    "updated_at", "status", "availability_zone", "user_id", "deleting", "image_ref", "flavor_ref", "vm_state",
    "task_state", "power_state", "progress", "locked", "config_drive", "disk_config", "key_name", "hostname",
    "launch_index", "reservation_id", "launched_at", "terminated_at", "access_ip_v4", "access_ip_v6",
)  # fmt: skip
_INDEXED = (
    *_LISTED, "updated_at", "name", "status", "availability_zone", "user_id", "deleting", "image_ref", "flavor_ref",
    "vm_state", "task_state", "power_state", "progress", "locked", "config_drive", "disk_config", "key_name",
    "hostname", "description", "launch_index", "reservation_id", "launched_at", "terminated_at", "access_ip_v4",
    "access_ip_v6", "fixed_ips_v4", "fixed_ips_v6", "tags", "network_id", "network_project_id", "device_id",
    "device_owner", "mac_address", "size", "bootable", "visibility", "os_hidden", "owner", "disk_format",
    "metadata_text", "security_groups", "shared", "shared_with", "external",
)  # fmt: skip
_resources = sa.table(
    "resources",
    *(sa.column(name) for name in ("kind", *_COLUMNS)),
    sa.column("spec", sa.JSON().with_variant(postgresql.JSONB(), "postgresql")),
)


def upgrade() -> None:
    """New columns, filled for what is there, and each database's index with them."""
    for name, type_ in _COLUMNS.items():
        op.add_column("resources", sa.Column(name, type_))
    for kinds, keys in _FILLED.items():
        copied = {name: _copied(key, _COLUMNS[name]) for name, key in keys.items()}
        op.execute(sa.update(_resources).where(_resources.c.kind.in_(kinds)).values(copied))
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("resources_searched", "resources")
        op.create_index("resources_searched", "resources", list(_INDEXED), unique=False)
    else:
        op.drop_index("resources_list", "resources")
        op.create_index("resources_list", "resources", list(_LISTED), unique=False, postgresql_include=list(_SHORT))


def _copied(key: str, type_: Any) -> Any:
    item = _resources.c.spec[key]
    return item.as_boolean() if isinstance(type_, sa.Boolean) else item.as_string()

"""What ports, volumes, snapshots and images are searched and sorted by stands in columns, too."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "r0006"
down_revision = "r0005"
branch_labels = None
depends_on = None

_COLUMNS: dict[str, Any] = {
    "network_id": sa.String(36),
    "network_project_id": sa.String(64),
    "device_id": sa.String(255),
    "device_owner": sa.String(255),
    "mac_address": sa.String(17),
    "size": sa.BigInteger(),
    "bootable": sa.String(8),
    "visibility": sa.String(16),
    "os_hidden": sa.Boolean(),
}
# Kind -> column -> key in the spec.
_FILLED = {
    "port": {name: name for name in (*list(_COLUMNS)[:5], "tags")},
    "volume": {"size": "size", "bootable": "bootable"},
    "snapshot": {"size": "size"},
    "image": {"size": "size", "visibility": "visibility", "os_hidden": "os_hidden", "tags": "vregion:tags"},
}
_INDEXED = (
    "region_id", "kind", "project_id", "created_at", "id", "updated_at", "name", "status", "availability_zone",
    "user_id", "deleting", "image_ref", "flavor_ref", "vm_state", "task_state", "power_state", "progress", "locked",
    "config_drive", "disk_config", "key_name", "hostname", "description", "launch_index", "reservation_id",
    "launched_at", "terminated_at", "access_ip_v4", "access_ip_v6", "fixed_ips_v4", "fixed_ips_v6", "tags", *_COLUMNS,
)  # fmt: skip
_resources = sa.table(
    "resources",
    *(sa.column(name) for name in ("kind", "tags", *_COLUMNS)),
    sa.column("spec", sa.JSON().with_variant(postgresql.JSONB(), "postgresql")),
)


def upgrade() -> None:
    """New columns, filled for what is there, and the index on SQLite with them."""
    for name, type_ in _COLUMNS.items():
        op.add_column("resources", sa.Column(name, type_))
    for kind, keys in _FILLED.items():
        copied = {name: _copied(key, _COLUMNS.get(name)) for name, key in keys.items()}
        op.execute(sa.update(_resources).where(_resources.c.kind == kind).values(copied))
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("resources_searched", "resources")
        op.create_index("resources_searched", "resources", list(_INDEXED), unique=False)


def _copied(key: str, type_: Any) -> Any:
    item = _resources.c.spec[key]
    if isinstance(type_, sa.Boolean):
        return item.as_boolean()
    # as_integer is of 32 bits, and an image may have more
    return sa.cast(item.as_string(), sa.BigInteger()) if isinstance(type_, sa.BigInteger) else item.as_string()

"""On PostgreSQL what servers are sorted by stands in an index in the order of ids; that of the newest is short."""

from alembic import op

revision = "r0010"
down_revision = "r0009"
branch_labels = None
depends_on = None

_LISTED = ("region_id", "kind", "project_id", "created_at", "id")
_SORTED = ("region_id", "kind", "project_id", "id")
_NEWEST = ("place", "updated_at", "status", "availability_zone", "deleting", "vm_state")
_SHORT = (
    "created_at", "place", "updated_at", "status", "availability_zone", "user_id", "image_ref", "flavor_ref",
    "vm_state", "task_state", "power_state", "progress", "locked", "config_drive", "disk_config", "key_name",
    "hostname", "launch_index", "reservation_id", "launched_at", "terminated_at", "access_ip_v4", "access_ip_v6",
)  # fmt: skip


def upgrade() -> None:
    """SQLite has one index of all of them."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.drop_index("resources_list", "resources")
    for name, columns, more in (("list", _LISTED, _NEWEST), ("sorted", _SORTED, _SHORT)):
        op.create_index(f"resources_{name}", "resources", list(columns), postgresql_include=list(more))

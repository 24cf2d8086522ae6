"""On PostgreSQL every row has a number, by which the rows of a page are found."""

import sqlalchemy as sa
from alembic import op

revision = "r0009"
down_revision = "r0008"
branch_labels = None
depends_on = None

_LISTED = ("region_id", "kind", "project_id", "created_at", "id")
_SHORT = (
    "place", "updated_at", "status", "availability_zone", "user_id", "deleting", "image_ref", "flavor_ref", "vm_state",
    "task_state", "power_state", "progress", "locked", "config_drive", "disk_config", "key_name", "hostname",
    "launch_index", "reservation_id", "launched_at", "terminated_at", "access_ip_v4", "access_ip_v6",
)  # fmt: skip


def upgrade() -> None:
    """SQLite has one for every row anyway."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.add_column("resources", sa.Column("place", sa.BigInteger(), sa.Identity(always=True), nullable=False))
    op.create_index("resources_place", "resources", ["place"], unique=True)
    op.drop_index("resources_list", "resources")
    op.create_index("resources_list", "resources", list(_LISTED), unique=False, postgresql_include=list(_SHORT))

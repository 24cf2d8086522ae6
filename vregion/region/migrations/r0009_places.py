"""On PostgreSQL every row has a number, by which a page finds it, and stands beside its name with a description."""

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
_NAMED = ("region_id", "kind", "project_id", "name")
_BESIDE_NAMES = ("id", "created_at", "place", "updated_at", "vm_state", "description")


def upgrade() -> None:
    """SQLite has one for every row anyway."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.add_column("resources", sa.Column("place", sa.BigInteger(), sa.Identity(always=True), nullable=False))
    op.create_index("resources_place", "resources", ["place"], unique=True)
    for name, columns, more in (("list", _LISTED, _SHORT), ("name", _NAMED, _BESIDE_NAMES)):
        op.drop_index(f"resources_{name}", "resources")
        op.create_index(f"resources_{name}", "resources", list(columns), postgresql_include=list(more))

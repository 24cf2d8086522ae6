"""On PostgreSQL the newest of all projects tell in an index when they changed; servers stand in one by hostname."""

import sqlalchemy as sa
from alembic import op

revision = "r0012"
down_revision = "r0011"
branch_labels = None
depends_on = None

_CREATED = ("region_id", "kind", "created_at", "id")
_NEWEST = ("place", "updated_at", "status", "availability_zone", "deleting", "vm_state")


def upgrade() -> None:
    """SQLite has one index of all that is asked for."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("resources_created", "resources")
        op.create_index("resources_created", "resources", list(_CREATED), postgresql_include=list(_NEWEST))
        op.create_index(
            "resources_hostname",
            "resources",
            ["region_id", "kind", "project_id", sa.text("coalesce(hostname, '')"), "id"],
            postgresql_include=["created_at", "place", "updated_at", "vm_state", "hostname"],
            postgresql_where=sa.text("kind IN ('server', 'deleted_server')"),
        )

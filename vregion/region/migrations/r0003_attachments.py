"""Attachments have rows: volumes that are held by something are looked at once more, and then they have them."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"
branch_labels = None
depends_on = None

_HELD = ("in-use", "attaching", "detaching", "reserved")
_resources = sa.table("resources", sa.column("region_id"), sa.column("id"), sa.column("kind"), sa.column("status"))
_realizations = sa.table(
    "realizations",
    sa.column("region_id"),
    sa.column("resource_id"),
    sa.column("kind"),
    sa.column("due_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    """No table changes."""
    now = datetime.now(UTC)
    if op.get_bind().dialect.name == "sqlite":
        now = now.replace(tzinfo=None)
    volumes, rows = _resources.c, _realizations.c
    held = sa.exists().where(
        volumes.region_id == rows.region_id,
        volumes.id == rows.resource_id,
        volumes.kind == "volume",
        volumes.status.in_(_HELD),
    )
    op.execute(sa.update(_realizations).where(rows.kind == "volume", held).values(due_at=now))

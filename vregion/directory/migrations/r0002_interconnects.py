"""Interconnects, their members and their segments."""

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New tables only."""
    op.create_table(
        "interconnects",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("first_segment", sa.Integer, nullable=False),
        sa.Column("last_segment", sa.Integer, nullable=False),
        sa.Column("mtu", sa.Integer, nullable=False),
        sa.Column("transit_prefix", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("name", name="interconnects_pkey"),
    )
    op.create_table(
        "interconnect_members",
        sa.Column("interconnect", sa.String(64), nullable=False),
        sa.Column("backend_id", sa.String(36), nullable=False),
        sa.Column("physical_network", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["interconnect"],
            ["interconnects.name"],
            name="interconnect_members_interconnect_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["backend_id"], ["backends.id"], name="interconnect_members_backend_id_fkey"),
        sa.PrimaryKeyConstraint("interconnect", "backend_id", name="interconnect_members_pkey"),
    )
    op.create_table(
        "segments",
        sa.Column("interconnect", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("region_id", sa.String(36), nullable=False),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.ForeignKeyConstraint(["interconnect"], ["interconnects.name"], name="segments_interconnect_fkey"),
        sa.PrimaryKeyConstraint("interconnect", "number", name="segments_pkey"),
        sa.UniqueConstraint("region_id", "owner", "interconnect", name="segments_region_id_owner_interconnect_key"),
    )

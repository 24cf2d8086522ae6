"""Which tenants have a private flavor."""

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A new table only."""
    op.create_table(
        "flavor_tenants",
        sa.Column("flavor_id", sa.String(255), nullable=False),
        sa.Column("region_id", sa.String(36), nullable=False),
        sa.ForeignKeyConstraint(
            ["flavor_id"], ["flavors.id"], name="flavor_tenants_flavor_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["region_id"], ["tenants.region_id"], name="flavor_tenants_region_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("flavor_id", "region_id", name="flavor_tenants_pkey"),
    )

"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "r0001"
down_revision = None
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """The first tables."""
    op.create_table(
        "directory_meta",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="directory_meta_pkey"),
    )
    _tenants_and_backends()
    _bindings()
    _flavors()


def _tenants_and_backends() -> None:
    op.create_table(
        "tenants",
        sa.Column("region_id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("domain_id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("options", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("region_id", name="tenants_pkey"),
        sa.UniqueConstraint("domain_id", name="tenants_domain_id_key"),
        sa.UniqueConstraint("name", name="tenants_name_key"),
    )
    op.create_table(
        "backends",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("driver", sa.String(64), nullable=False),
        sa.Column("address", sa.String(1024), nullable=False),
        sa.Column("region_name", sa.String(255), nullable=False),
        sa.Column("options", _JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("report", _JSON, nullable=False),
        sa.Column("checked_at", sa.String(32), nullable=True),
        sa.PrimaryKeyConstraint("id", name="backends_pkey"),
        sa.UniqueConstraint("name", name="backends_name_key"),
    )


def _bindings() -> None:
    op.create_table(
        "bindings",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("region_id", sa.String(36), nullable=False),
        sa.Column("availability_zone", sa.String(255), nullable=False),
        sa.Column("backend_id", sa.String(36), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("is_default", sa.Boolean, nullable=False),
        sa.Column("given", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(["backend_id"], ["backends.id"], name="bindings_backend_id_fkey"),
        sa.ForeignKeyConstraint(["region_id"], ["tenants.region_id"], name="bindings_region_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="bindings_pkey"),
        sa.UniqueConstraint("region_id", "availability_zone", name="bindings_region_id_availability_zone_key"),
        sa.UniqueConstraint("region_id", "backend_id", name="bindings_region_id_backend_id_key"),
    )
    op.create_index("bindings_backend", "bindings", ["backend_id"])
    op.create_table(
        "credentials",
        sa.Column("owner_kind", sa.String(16), nullable=False),
        sa.Column("owner_id", sa.String(36), nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("owner_kind", "owner_id", name="credentials_pkey"),
    )


def _flavors() -> None:
    op.create_table(
        "flavors",
        sa.Column("id", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("vcpus", sa.Integer, nullable=False),
        sa.Column("ram", sa.Integer, nullable=False),
        sa.Column("disk", sa.Integer, nullable=False),
        sa.Column("ephemeral", sa.Integer, nullable=False),
        sa.Column("swap", sa.Integer, nullable=False),
        sa.Column("rxtx_factor", sa.Float, nullable=False),
        sa.Column("is_public", sa.Boolean, nullable=False),
        sa.Column("description", sa.Text, nullable=True),
        sa.Column("extra_specs", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="flavors_pkey"),
        sa.UniqueConstraint("name", name="flavors_name_key"),
    )
    op.create_table(
        "backend_flavors",
        sa.Column("backend_id", sa.String(36), nullable=False),
        sa.Column("flavor_id", sa.String(255), nullable=False),
        sa.Column("external_id", sa.String(255), nullable=True),
        sa.Column("reason", sa.Text, nullable=True),
        sa.ForeignKeyConstraint(
            ["backend_id"], ["backends.id"], name="backend_flavors_backend_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["flavor_id"], ["flavors.id"], name="backend_flavors_flavor_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("backend_id", "flavor_id", name="backend_flavors_pkey"),
    )

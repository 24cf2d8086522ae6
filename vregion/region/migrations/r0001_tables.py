"""The first tables of virtual regions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "r0001"
down_revision = None
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """The first tables of virtual regions."""
    _actions()
    _addresses()
    _macs()
    _needs()
    _realizations()
    _resources()
    _usages()
    _watermarks()


def _actions() -> None:
    op.create_table(
        "actions",
        sa.Column("region_id", sa.String(length=36), nullable=False),
        sa.Column("resource_id", sa.String(length=36), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("message", sa.String(length=1024), nullable=True),
        sa.Column("events", _JSON, nullable=False),
        sa.PrimaryKeyConstraint("region_id", "resource_id", "request_id", "action"),
    )


def _addresses() -> None:
    op.create_table(
        "addresses",
        sa.Column("region_id", sa.String(length=36), nullable=False),
        sa.Column("network_id", sa.String(length=36), nullable=False),
        sa.Column("address", sa.String(length=39), nullable=False),
        sa.Column("subnet_id", sa.String(length=36), nullable=False),
        sa.Column("port_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("region_id", "network_id", "address"),
    )
    op.create_index("addresses_port", "addresses", ["region_id", "port_id"], unique=False)
    op.create_index("addresses_subnet", "addresses", ["region_id", "subnet_id", "position"], unique=False)


def _macs() -> None:
    op.create_table(
        "macs",
        sa.Column("region_id", sa.String(length=36), nullable=False),
        sa.Column("network_id", sa.String(length=36), nullable=False),
        sa.Column("mac", sa.String(length=17), nullable=False),
        sa.Column("port_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("region_id", "network_id", "mac"),
    )
    op.create_index("macs_port", "macs", ["region_id", "port_id"], unique=False)


def _needs() -> None:
    op.create_table(
        "needs",
        sa.Column("region_id", sa.String(length=36), nullable=False),
        sa.Column("resource_id", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("needed_id", sa.String(length=255), nullable=False),
        sa.Column("needed_kind", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("region_id", "resource_id", "kind", "needed_id", "needed_kind"),
    )
    op.create_index("needs_needed", "needs", ["region_id", "needed_id", "needed_kind"], unique=False)


def _realizations() -> None:
    op.create_table(
        "realizations",
        sa.Column("region_id", sa.String(length=36), nullable=False),
        sa.Column("resource_id", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("backend_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=1024), nullable=True),
        sa.Column("waiting_on", sa.String(length=255), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("observed", _JSON, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("region_id", "resource_id", "kind", "backend_id"),
    )
    op.create_index("realizations_due", "realizations", ["region_id", "due_at"], unique=False)
    op.create_index(
        "realizations_external", "realizations", ["region_id", "backend_id", "kind", "external_id"], unique=False
    )
    op.create_index("realizations_waiting", "realizations", ["region_id", "backend_id", "waiting_on"], unique=False)


def _resources() -> None:
    op.create_table(
        "resources",
        sa.Column("region_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("availability_zone", sa.String(length=255), nullable=True),
        sa.Column("backend_id", sa.String(length=36), nullable=True),
        sa.Column("parent_id", sa.String(length=255), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("deleting", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spec", _JSON, nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("region_id", "id", "kind"),
    )
    op.create_index("resources_changed", "resources", ["region_id", "kind", "updated_at"], unique=False)
    op.create_index(
        "resources_list", "resources", ["region_id", "kind", "project_id", "created_at", "id"], unique=False
    )
    op.create_index("resources_name", "resources", ["region_id", "kind", "project_id", "name"], unique=False)
    op.create_index("resources_parent", "resources", ["region_id", "parent_id"], unique=False)


def _usages() -> None:
    op.create_table(
        "usages",
        sa.Column("region_id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=False),
        sa.Column("resource", sa.String(length=64), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("limit", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("region_id", "project_id", "resource"),
    )


def _watermarks() -> None:
    op.create_table(
        "watermarks",
        sa.Column("region_id", sa.String(length=36), nullable=False),
        sa.Column("backend_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("region_id", "backend_id", "kind"),
    )

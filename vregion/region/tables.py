"""Every table of a virtual region on one page. Each row is keyed by `region_id`, so that many regions can share them.

On SQLite a region has a file of its own; on PostgreSQL all regions of a provider live in the same tables.
"""

from datetime import UTC

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

metadata = MetaData()
Json = JSON().with_variant(JSONB(), "postgresql")


class UtcDateTime(TypeDecorator):  # type: ignore[type-arg]
    """Aware UTC times in and out; SQLite keeps them without an offset."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value, dialect):  # type: ignore[no-untyped-def]
        """Only aware times are accepted."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value, dialect):  # type: ignore[no-untyped-def]
        """SQLite's naive times are UTC."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


# Every resource of every kind: what is wanted (`spec`) and what a show answers (`document`, ready to send).
resources = Table(
    "resources",
    metadata,
    Column("region_id", String(36), nullable=False),
    Column("id", String(255), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("status", String(32), nullable=False),
    Column("availability_zone", String(255)),
    Column("backend_id", String(36)),
    Column("parent_id", String(255)),
    Column("generation", Integer, nullable=False),
    Column("deleting", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("spec", Json, nullable=False),
    Column("document", LargeBinary, nullable=False),
    PrimaryKeyConstraint("region_id", "id", "kind"),
    Index("resources_list", "region_id", "kind", "project_id", "created_at", "id"),
    Index("resources_name", "region_id", "kind", "project_id", "name"),
    Index("resources_parent", "region_id", "parent_id"),
    Index("resources_changed", "region_id", "kind", "updated_at"),
)

# A resource on one backend. A row with `due_at` set is work to do: the due rows are the queue.
realizations = Table(
    "realizations",
    metadata,
    Column("region_id", String(36), nullable=False),
    Column("resource_id", String(255), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("backend_id", String(36), nullable=False),
    Column("state", String(16), nullable=False),
    Column("wanted", Boolean, nullable=False),
    Column("external_id", String(255)),
    Column("generation", Integer, nullable=False),
    Column("reason", String(1024)),
    Column("waiting_on", String(255)),
    Column("attempts", Integer, nullable=False),
    Column("asked_at", UtcDateTime),
    Column("observed", Json, nullable=False),
    Column("due_at", UtcDateTime),
    Column("lease_owner", String(64)),
    Column("lease_until", UtcDateTime),
    Column("fence", Integer, nullable=False),
    PrimaryKeyConstraint("region_id", "resource_id", "kind", "backend_id"),
    Index("realizations_due", "region_id", "due_at"),
    Index("realizations_external", "region_id", "backend_id", "kind", "external_id"),
    Index("realizations_waiting", "region_id", "backend_id", "waiting_on"),
)

# Who needs whom: `resource_id` cannot be realized before, nor outlive, `needed_id` on the same backend.
needs = Table(
    "needs",
    metadata,
    Column("region_id", String(36), nullable=False),
    Column("resource_id", String(255), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("needed_id", String(255), nullable=False),
    Column("needed_kind", String(32), nullable=False),
    PrimaryKeyConstraint("region_id", "resource_id", "kind", "needed_id", "needed_kind"),
    Index("needs_needed", "region_id", "needed_id", "needed_kind"),
)

# One row per address in use. The key makes two owners of one address impossible. `position` is the address's distance
# from its subnet's first one, where that fits; `port_id` may also be "dhcp:<backend id>".
addresses = Table(
    "addresses",
    metadata,
    Column("region_id", String(36), nullable=False),
    Column("network_id", String(36), nullable=False),
    Column("address", String(39), nullable=False),
    Column("subnet_id", String(36), nullable=False),
    Column("port_id", String(64), nullable=False),
    Column("position", BigInteger),
    PrimaryKeyConstraint("region_id", "network_id", "address"),
    Index("addresses_port", "region_id", "port_id"),
    Index("addresses_subnet", "region_id", "subnet_id", "position"),
)

# MAC addresses in use; unique in a network.
macs = Table(
    "macs",
    metadata,
    Column("region_id", String(36), nullable=False),
    Column("network_id", String(36), nullable=False),
    Column("mac", String(17), nullable=False),
    Column("port_id", String(36), nullable=False),
    PrimaryKeyConstraint("region_id", "network_id", "mac"),
    Index("macs_port", "region_id", "port_id"),
)

# What a project uses of each limited thing, kept by the transactions that write intents. Limit -1: none.
usages = Table(
    "usages",
    metadata,
    Column("region_id", String(36), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("resource", String(64), nullable=False),
    Column("used", Integer, nullable=False),
    Column("limit", Integer),
    PrimaryKeyConstraint("region_id", "project_id", "resource"),
)

# Limits that are not a project's: of one user in a project (`owner` is his id), and of a quota class (`project_id` is
# empty and `owner` the class; that of the name `default` holds where a project has no limit of its own).
limits = Table(
    "limits",
    metadata,
    Column("region_id", String(36), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("owner", String(255), nullable=False),
    Column("resource", String(64), nullable=False),
    Column("limit", Integer, nullable=False),
    PrimaryKeyConstraint("region_id", "project_id", "owner", "resource"),
)

# What was asked of a server and what became of it (Nova's instance actions).
actions = Table(
    "actions",
    metadata,
    Column("region_id", String(36), nullable=False),
    Column("resource_id", String(36), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("message", String(1024)),
    Column("events", Json, nullable=False),
    PrimaryKeyConstraint("region_id", "resource_id", "request_id", "action"),
)

# How far each change feed has been read; it moves after the changes are committed.
watermarks = Table(
    "watermarks",
    metadata,
    Column("region_id", String(36), nullable=False),
    Column("backend_id", String(36), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("region_id", "backend_id", "kind"),
)

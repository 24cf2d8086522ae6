"""Every table of the provider's database on one page.

Written by the noun files beside this one, each in one transaction. On PostgreSQL they may share a database with the
tables of the virtual regions, so `schema` looks at these names only. Times are ISO 8601 in UTC.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    }
)
Json = JSON().with_variant(JSONB(), "postgresql")

# One row that every write changes: whoever sees another number than before forgets what he remembers.
# It is also the lock by which writers on PostgreSQL take turns, as they do on SQLite.
meta = Table(
    "directory_meta",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
)

# A tenant and his virtual region. `domain_id` is chosen here, before Keystone makes the domain.
tenants = Table(
    "tenants",
    metadata,
    Column("region_id", String(36), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("domain_id", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("options", Json, nullable=False),
    UniqueConstraint("name"),
    UniqueConstraint("domain_id"),
)

# `report` is what the last check found.
backends = Table(
    "backends",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("driver", String(64), nullable=False),
    Column("address", String(1024), nullable=False),
    Column("region_name", String(255), nullable=False),
    Column("options", Json, nullable=False),
    Column("state", String(16), nullable=False),
    Column("report", Json, nullable=False),
    Column("checked_at", String(32)),
    UniqueConstraint("name"),
)

# `given`: the provider handed in the credential; otherwise it was made in the backend and is removed there.
bindings = Table(
    "bindings",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("region_id", String(36), ForeignKey("tenants.region_id"), nullable=False),
    Column("availability_zone", String(255), nullable=False),
    Column("backend_id", String(36), ForeignKey("backends.id"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("given", Boolean, nullable=False),
    UniqueConstraint("region_id", "availability_zone"),
    UniqueConstraint("region_id", "backend_id"),  # a realization names only its backend
    Index("bindings_backend", "backend_id"),
)

# `owner_kind` is 'backend' (the provider's own credential there) or 'binding' (the tenant's).
credentials = Table(
    "credentials",
    metadata,
    Column("owner_kind", String(16), primary_key=True),
    Column("owner_id", String(36), primary_key=True),
    Column("sealed", Text, nullable=False),
)

flavors = Table(
    "flavors",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("vcpus", Integer, nullable=False),
    Column("ram", Integer, nullable=False),
    Column("disk", Integer, nullable=False),
    Column("ephemeral", Integer, nullable=False),
    Column("swap", Integer, nullable=False),
    Column("rxtx_factor", Float, nullable=False),
    Column("is_public", Boolean, nullable=False),
    Column("description", Text),
    Column("extra_specs", Json, nullable=False),
    UniqueConstraint("name"),
)

# Which of the backend's flavors is this one; with no `external_id` the backend lacks it, and `reason` says why.
backend_flavors = Table(
    "backend_flavors",
    metadata,
    Column("backend_id", String(36), ForeignKey("backends.id", ondelete="CASCADE"), primary_key=True),
    Column("flavor_id", String(255), ForeignKey("flavors.id", ondelete="CASCADE"), primary_key=True),
    Column("external_id", String(255)),
    Column("reason", Text),
)

# The tenants who may give a private flavor to their projects.
flavor_tenants = Table(
    "flavor_tenants",
    metadata,
    Column("flavor_id", String(255), ForeignKey("flavors.id", ondelete="CASCADE"), primary_key=True),
    Column("region_id", String(36), ForeignKey("tenants.region_id", ondelete="CASCADE"), primary_key=True),
)

# How backends are joined for tenants' traffic; both ends of the range of segments belong to it.
interconnects = Table(
    "interconnects",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("first_segment", Integer, nullable=False),
    Column("last_segment", Integer, nullable=False),
    Column("mtu", Integer, nullable=False),
    Column("transit_prefix", String(64), nullable=False),
)

interconnect_members = Table(
    "interconnect_members",
    metadata,
    Column("interconnect", String(64), ForeignKey("interconnects.name", ondelete="CASCADE"), primary_key=True),
    Column("backend_id", String(36), ForeignKey("backends.id"), primary_key=True),
    Column("physical_network", String(64), nullable=False),
)

# One row per segment in use: the key makes two owners of one number impossible. No other table depends on it, and a
# write of it leaves the version alone.
segments = Table(
    "segments",
    metadata,
    Column("interconnect", String(64), ForeignKey("interconnects.name"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("region_id", String(36), nullable=False),
    Column("owner", String(255), nullable=False),
    UniqueConstraint("region_id", "owner", "interconnect"),
)

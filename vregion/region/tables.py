"""Every table of a virtual region on one page. Each row is keyed by `region_id`, so that many regions can share them.

On SQLite a region has a file of its own; on PostgreSQL all regions of a provider live in the same tables.
"""

from datetime import UTC
from typing import Any

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    and_,
    bindparam,
    event,
    func,
    literal_column,
)
from sqlalchemy import ColumnElement as Condition
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateColumn
from sqlalchemy.types import TypeDecorator

from vregion.model.resource import Kind

metadata = MetaData()
Json = JSON().with_variant(JSONB(), "postgresql")


def same(*columns: Column[Any]) -> Condition[bool]:
    """The rows in which each column has the value of the parameter `its_NAME`.

    For statements that are built once: SQLAlchemy takes five times as long to build one as SQLite to answer it.
    """
    return and_(*(column == bindparam(f"its_{column.name}", type_=column.type) for column in columns))


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


# What lists are searched and sorted by besides, or show: `region.resources` copies it out of the spec with every write,
# so that a list parses no JSON. Column -> type; NULL where the kind has no such key. A list of texts is JSON.
SEARCHED: dict[str, Any] = {
    "image_ref": String(255),
    "flavor_ref": String(255),
    "vm_state": String(255),
    "task_state": String(255),
    "power_state": Integer,
    "progress": Integer,
    "locked": Boolean,
    "config_drive": Boolean,
    "disk_config": String(255),
    "key_name": String(255),
    "hostname": String(255),
    "description": String(255),
    "launch_index": Integer,
    "reservation_id": String(255),
    "launched_at": String(255),
    "terminated_at": String(255),
    "access_ip_v4": String(255),
    "access_ip_v6": String(255),
    "fixed_ips_v4": Text,
    "fixed_ips_v6": Text,
    "tags": Text,
    "network_id": String(36),
    "network_project_id": String(64),
    "device_id": String(255),
    "device_owner": String(255),
    "mac_address": String(17),
    "size": BigInteger,
    "bootable": String(8),
    "visibility": String(16),
    "os_hidden": Boolean,
    "owner": String(255),
    "disk_format": String(20),
    "metadata_text": Text,
    "security_groups": Text,
    "shared": Boolean,
    "shared_with": Text,
    "external": Boolean,
    "user_data": Text,
}
_UNSEARCHED = "user_data"  # long, and shown to administrators only
_OF_SERVERS = {
    "image_ref": "imageRef", "flavor_ref": "flavorRef", "disk_config": "OS-DCF:diskConfig",
    "access_ip_v4": "accessIPv4", "access_ip_v6": "accessIPv6", "hostname": "vregion:hostname",
    **{name: name for name in (
        "vm_state", "task_state", "power_state", "progress", "locked", "config_drive", "key_name",
        "description", "launch_index", "reservation_id", "launched_at", "terminated_at", "fixed_ips_v4",
        "fixed_ips_v6", "tags", "user_data",
    )},
}  # fmt: skip
_OF_PORTS = (
    "network_id", "network_project_id", "device_id", "device_owner", "mac_address", "tags", "security_groups",
)  # fmt: skip
_OF_SHARED = {"shared": "shared", "shared_with": "shared_with"}
_OF_IMAGES = {
    "size": "size", "visibility": "visibility", "os_hidden": "os_hidden", "tags": "vregion:tags", "owner": "owner",
    "disk_format": "disk_format", "shared_with": "vregion:shared_accepted",
}  # fmt: skip
# Which of them a kind has: column -> key in the spec. A filter or sort by `spec.KEY` is one by the column.
KEYS: dict[Kind, dict[str, str]] = {
    Kind.SERVER: _OF_SERVERS,
    Kind.DELETED_SERVER: _OF_SERVERS,
    Kind.PORT: {name: name for name in _OF_PORTS},
    Kind.VOLUME: {"size": "size", "bootable": "bootable", "metadata_text": "vregion:metadata"},
    Kind.SNAPSHOT: {"size": "size", "metadata_text": "vregion:metadata"},
    Kind.IMAGE: _OF_IMAGES,
    **dict.fromkeys((Kind.NETWORK, Kind.SUBNET), _OF_SHARED | {"external": "router:external"}),
    **dict.fromkeys(
        (Kind.ADDRESS_GROUP, Kind.ADDRESS_SCOPE, Kind.QOS_POLICY, Kind.SECURITY_GROUP, Kind.SUBNET_POOL), _OF_SHARED
    ),
}

# What PostgreSQL finds a page of servers by without the rows, which are long: all that can never fill an entry of an
# index, which has 2,700 bytes; names of keypairs are 255 characters of up to four, flavors' ids and host names of one.
# Most sorts read every entry, and read them in the order of ids, which equals come in: little is left to be sorted.
_NEWEST = ("place", "updated_at", "status", "availability_zone", "deleting", "vm_state")
_SHORT = (
    "created_at", "place", "updated_at", "status", "availability_zone", "user_id", "image_ref", "flavor_ref",
    "vm_state", "task_state", "power_state", "progress", "locked", "config_drive", "disk_config", "key_name",
    "hostname", "launch_index", "reservation_id", "launched_at", "terminated_at", "access_ip_v4", "access_ip_v6",
)  # fmt: skip
_BESIDE_NAMES = ("id", "created_at", "place", "updated_at", "vm_state", "description")  # the other long text
# Where what is sorted by differs in every row, an index has the page in order, and only equals are left to be sorted.
_BESIDE_HOSTNAMES = ("created_at", "place", "updated_at", "vm_state", "hostname")

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
    *(Column(name, type_) for name, type_ in SEARCHED.items()),
    Column("place", BigInteger, Identity(always=True), nullable=False, info={"only": "postgresql"}),
    PrimaryKeyConstraint("region_id", "id", "kind"),
    Index("resources_list", "region_id", "kind", "project_id", "created_at", "id", postgresql_include=_NEWEST),
    Index("resources_created", "region_id", "kind", "created_at", "id", postgresql_include=_NEWEST),
    Index("resources_name", "region_id", "kind", "project_id", "name", postgresql_include=_BESIDE_NAMES),
    Index("resources_parent", "region_id", "parent_id"),
    Index("resources_changed", "region_id", "kind", "updated_at"),
)
Index("resources_place", resources.c.place, unique=True, info={"only": "postgresql"}).ddl_if(dialect="postgresql")
Index(
    "resources_sorted",
    *(resources.c[name] for name in ("region_id", "kind", "project_id", "id")),
    postgresql_include=_SHORT,
    info={"only": "postgresql"},
).ddl_if(dialect="postgresql")
Index(
    "resources_hostname",
    *(resources.c[name] for name in ("region_id", "kind", "project_id")),
    func.coalesce(resources.c.hostname, literal_column("''")),
    resources.c.id,
    postgresql_include=_BESIDE_HOSTNAMES,
    postgresql_where=resources.c.kind.in_([literal_column(f"'{kind}'") for kind in (Kind.SERVER, Kind.DELETED_SERVER)]),
    info={"only": "postgresql"},
).ddl_if(dialect="postgresql")


@compiles(CreateColumn, "sqlite")
def _own_number(create: CreateColumn, compiler: Any, **how: Any) -> Any:
    """`place` is what SQLite has for every row anyway."""
    return None if create.element is resources.c.place else compiler.visit_create_column(create, **how)


# All that a list can be asked for, so that SQLite finds a page without the rows. PostgreSQL's indexes hold no 50 tags.
Index(
    "resources_searched",
    *(resources.c[name] for name in ("region_id", "kind", "project_id", "created_at", "id", "updated_at", "name")),
    *(resources.c[name] for name in ("status", "availability_zone", "user_id", "deleting")),
    *(resources.c[name] for name in SEARCHED if name != _UNSEARCHED),
    info={"only": "sqlite"},
).ddl_if(dialect="sqlite")

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

# What a backend lets the region's project there still make, as it was seen last: name -> [most, used].
rooms = Table(
    "rooms",
    metadata,
    Column("region_id", String(36), nullable=False),
    Column("backend_id", String(36), nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("amounts", Json, nullable=False),
    PrimaryKeyConstraint("region_id", "backend_id"),
)

# PostgreSQL compares texts byte by byte, as SQLite does: one order on both whatever a database's locale, and sorted
# sooner.
for _table in metadata.tables.values():
    for _column in _table.columns:
        if isinstance(_column.type, String):
            _bytewise = type(_column.type)(_column.type.length, collation="C")
            _column.type = _column.type.with_variant(_bytewise, "postgresql")

# A server's row of some 3,000 bytes stays in one piece: else its document would be packed and put elsewhere.
_whole = DDL("ALTER TABLE resources SET (toast_tuple_target = 8160)")  # type: ignore[no-untyped-call]
event.listen(resources, "after_create", _whole.execute_if(dialect="postgresql"))

"""What servers are searched and sorted by stands in columns of its own, and in an index of all of it on SQLite."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "r0004"
down_revision = "r0003"
branch_labels = None
depends_on = None

_TEXT, _NUMBER, _BOOLEAN = sa.String(255), sa.Integer(), sa.Boolean()
# Column -> (key in the spec, type); no key: made of the server's ports.
_COLUMNS: dict[str, tuple[str, Any]] = {
    "image_ref": ("imageRef", _TEXT),
    "flavor_ref": ("flavorRef", _TEXT),
    "vm_state": ("vm_state", _TEXT),
    "task_state": ("task_state", _TEXT),
    "power_state": ("power_state", _NUMBER),
    "progress": ("progress", _NUMBER),
    "locked": ("locked", _BOOLEAN),
    "config_drive": ("config_drive", _BOOLEAN),
    "disk_config": ("OS-DCF:diskConfig", _TEXT),
    "key_name": ("key_name", _TEXT),
    "hostname": ("hostname", _TEXT),
    "description": ("description", _TEXT),
    "launch_index": ("launch_index", _NUMBER),
    "reservation_id": ("reservation_id", _TEXT),
    "launched_at": ("launched_at", _TEXT),
    "terminated_at": ("terminated_at", _TEXT),
    "access_ip_v4": ("accessIPv4", _TEXT),
    "access_ip_v6": ("accessIPv6", _TEXT),
    "fixed_ips_v4": ("", sa.Text()),
    "fixed_ips_v6": ("", sa.Text()),
    "tags": ("tags", sa.Text()),
}
_INDEXED = (
    "region_id", "kind", "project_id", "created_at", "id", "updated_at", "name", "status", "availability_zone",
    "user_id", "deleting", *_COLUMNS,
)  # fmt: skip
_resources = sa.table(
    "resources",
    *(sa.column(name) for name in ("region_id", "id", "kind", "parent_id", "deleting", *_COLUMNS)),
    sa.column("spec", sa.JSON().with_variant(postgresql.JSONB(), "postgresql")),
)
_addresses = sa.table("addresses", sa.column("region_id"), sa.column("address"), sa.column("port_id"))


def upgrade() -> None:
    """New columns, filled for what is there."""
    for name, (_, type_) in _COLUMNS.items():
        op.add_column("resources", sa.Column(name, type_))
    copied = {name: _copied(key, type_) for name, (key, type_) in _COLUMNS.items() if key}
    fixed = {"fixed_ips_v4": _fixed(six=False), "fixed_ips_v6": _fixed(six=True)}
    servers = sa.update(_resources).where(_resources.c.kind.in_(("server", "deleted_server")))
    op.execute(servers.values(copied | fixed))
    op.create_index("resources_created", "resources", ["region_id", "kind", "created_at", "id"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        op.create_index("resources_searched", "resources", list(_INDEXED), unique=False)


def _copied(key: str, type_: Any) -> Any:
    item = _resources.c.spec[key]
    if type_ is _BOOLEAN:
        return item.as_boolean()
    return item.as_integer() if type_ is _NUMBER else item.as_string()


def _fixed(*, six: bool) -> Any:
    """The addresses of a server's ports, one a line."""
    port, found = _resources.alias("port"), _addresses.c
    text = sa.select(sa.func.aggregate_strings(found.address, "\n")).join_from(
        port, _addresses, sa.and_(found.region_id == port.c.region_id, found.port_id == port.c.id)
    )
    mine = (port.c.region_id == _resources.c.region_id, port.c.parent_id == _resources.c.id)
    plugged = (port.c.kind == "port", port.c.deleting.is_(sa.false()))
    colon = found.address.contains(":")
    return text.where(*mine, *plugged, colon if six else ~colon).correlate(_resources).scalar_subquery()

"""Servers are searched and sorted by the hostname that they have, not only by one that was asked for."""

import orjson
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "r0011"
down_revision = "r0010"
branch_labels = None
depends_on = None

_KEY = ("region_id", "kind", "id")
_resources = sa.table(
    "resources",
    *(sa.column(name) for name in (*_KEY, "document", "hostname")),
    sa.column("spec", sa.JSON().with_variant(postgresql.JSONB(), "postgresql")),
)


def upgrade() -> None:
    """Out of what each server shows."""
    database, found = op.get_bind(), _resources.c
    keys = [found[name] for name in _KEY]
    servers = sa.select(*keys).where(found.kind.in_(("server", "deleted_server")))
    for row in database.execute(servers).all():
        this = sa.and_(*(key == value for key, value in zip(keys, row, strict=True)))
        spec, document = database.execute(sa.select(found.spec, found.document).where(this)).one()
        hostname = orjson.loads(document)["OS-EXT-SRV-ATTR:hostname"]
        values = {"hostname": hostname, "spec": {**spec, "vregion:hostname": hostname}}
        database.execute(sa.update(_resources).where(this).values(values))

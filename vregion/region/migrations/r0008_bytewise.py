"""PostgreSQL compares texts byte by byte, as SQLite does, and keeps a server's row in one piece."""

import sqlalchemy as sa
from alembic import op

revision = "r0008"
down_revision = "r0007"
branch_labels = None
depends_on = None

_TABLES = (
    "actions", "addresses", "limits", "macs", "needs", "realizations", "resources", "rooms", "usages", "watermarks",
)  # fmt: skip


def upgrade() -> None:
    """Every text's collation, for which PostgreSQL makes the indexes again; rows stay in one piece from now on."""
    if op.get_bind().dialect.name != "postgresql":
        return
    look = sa.inspect(op.get_bind())
    for table in _TABLES:
        texts = {c["name"]: c["type"] for c in look.get_columns(table) if isinstance(c["type"], sa.String)}
        op.execute(f"ALTER TABLE {table} " + ", ".join(f'ALTER {t} TYPE {texts[t]} COLLATE "C"' for t in texts))
    op.execute("ALTER TABLE resources SET (toast_tuple_target = 8160)")

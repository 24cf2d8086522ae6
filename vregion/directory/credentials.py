"""Sealed credentials: the provider's own in a backend, and a tenant's in the backend of a binding.

Used by `directory`, `backends` and `bindings`. Nothing here is ever logged.
"""

import orjson
from sqlalchemy import delete, exists, insert, select

from vregion.database import Connection
from vregion.directory.sealing import Keys
from vregion.directory.tables import credentials
from vregion.model.backend import Credential


async def put(connection: Connection, keys: Keys, kind: str, owner_id: str, credential: Credential) -> None:
    """Seal a credential for its owner ('backend' or 'binding'), in place of an older one."""
    await remove(connection, kind, owner_id)
    sealed = keys.seal(orjson.dumps(credential.values), f"{kind} {owner_id}")
    await connection.execute(insert(credentials).values(owner_kind=kind, owner_id=owner_id, sealed=sealed))


async def sealed(connection: Connection, kind: str, owner_id: str) -> str | None:
    """The record as it is stored."""
    mine = (credentials.c.owner_kind == kind) & (credentials.c.owner_id == owner_id)
    record: str | None = await connection.scalar(select(credentials.c.sealed).where(mine))
    return record


def unseal(keys: Keys, kind: str, owner_id: str, record: str | None) -> Credential:
    """Open a record; LookupError when there is none."""
    if record is None:
        raise LookupError(f"{kind} {owner_id} has no credential")
    return Credential(orjson.loads(keys.open(record, f"{kind} {owner_id}")))


async def remove(connection: Connection, kind: str, owner_id: str) -> None:
    """Forget a credential."""
    mine = (credentials.c.owner_kind == kind) & (credentials.c.owner_id == owner_id)
    await connection.execute(delete(credentials).where(mine))


async def exist(connection: Connection) -> bool:
    """Whether anything is sealed."""
    return bool(await connection.scalar(select(exists().where(credentials.c.sealed.is_not(None)))))

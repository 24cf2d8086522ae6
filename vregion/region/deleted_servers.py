"""Deleted servers, for those who ask what has changed: what a list shows of each, kept for a week.

Buried by `servers` in the transaction that ends the server; read by the compute API's lists alone; taken away by the
change feed's slow round. They are a kind of their own, so that no quota, no other list and no look by id meets them.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import orjson

from vregion.model.resource import Kind, Resource
from vregion.region import resources, server_documents
from vregion.region.regions import Transaction

KEPT = timedelta(days=7)
_SEARCHED = (
    "name", "imageRef", "flavorRef", "flavor", "reservation_id", "launch_index", "key_name", "description",
    server_documents.HOSTNAME, "accessIPv4", "accessIPv6", "config_drive", "launched_at", "locked", "OS-DCF:diskConfig",
)  # fmt: skip


async def bury(tx: Transaction, server: Resource, now: datetime) -> None:
    """The server has ended. Of what it was told (password, files, user data) nothing is kept."""
    document = server_documents.deleted(orjson.loads(server.document), now)
    states = {"vm_state": "deleted", "task_state": None, "power_state": 0, "progress": 0}
    spec = {name: server.spec[name] for name in _SEARCHED if name in server.spec}
    spec |= states | {"terminated_at": document["OS-SRV-USG:terminated_at"]}
    grave = replace(
        server,
        kind=Kind.DELETED_SERVER,
        status="DELETED",
        deleting=False,
        updated_at=now,
        spec=spec,
        document=server_documents.stored(document),
    )
    await resources.insert_resource(tx, grave)


async def purge(tx: Transaction, now: datetime) -> None:
    """Take away those whose time is over."""
    await resources.remove_older(tx, Kind.DELETED_SERVER, now - KEPT)

"""Volumes on offer to another project of the tenant: rows alone, since all his projects are one project in a zone.

Called by the block storage API. Who brings the key of an offer gets the volume, with its snapshots unless the offer
leaves them out, and its share of the quota moves with it. An offer ends when it is taken or withdrawn.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from vregion.model.caller import Caller
from vregion.model.refusals import Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import resources, snapshots, usages, volume_types, volumes
from vregion.region.regions import Transaction

SALT, DIGEST = "vregion:salt", "vregion:digest"


def document(transfer: Resource) -> dict[str, Any]:
    """Cinder's document at the newest microversion, without its links."""
    return {
        "id": transfer.id,
        "created_at": volumes.stamp(transfer.created_at),
        "name": transfer.spec["name"],
        "volume_id": transfer.spec["volume_id"],
        "no_snapshots": transfer.spec["no_snapshots"],
        "destination_project_id": None,
        "source_project_id": transfer.project_id,
        "accepted": False,
    }


async def get(tx: Transaction, transfer_id: str, project_id: str | None) -> Resource:
    """An offer of this project. Raises NotFound."""
    transfer = await resources.find(tx, Kind.TRANSFER, transfer_id, project_id)
    if transfer is None:
        raise NotFound(f"Transfer {transfer_id} could not be found.")
    return transfer


async def create(tx: Transaction, caller: Caller, wanted: Mapping[str, Any], now: datetime) -> tuple[Resource, str]:
    """The offer and its key, which is told once. Raises Invalid while the volume, or a snapshot, is busy."""
    volume = await volumes.get(tx, wanted["volume_id"], caller.project_id)
    if volume.deleting or volume.status != "available":
        raise Invalid("Invalid volume: status must be available")
    if not wanted["no_snapshots"]:
        for snapshot in await resources.children(tx, Kind.SNAPSHOT, volume.id):
            if snapshot.status != "available":
                raise Invalid(f"Invalid snapshot: snapshot: {snapshot.id} status must be available")
    key, salt = secrets.token_hex(8), secrets.token_hex(4)
    transfer = Resource(
        id=str(uuid4()),
        kind=Kind.TRANSFER,
        project_id=caller.project_id,
        user_id=caller.user_id,
        name=wanted["name"] or "",
        status="",
        created_at=now,
        updated_at=now,
        spec={**wanted, SALT: salt, DIGEST: _digest(salt, key)},
        parent_id=volume.id,
    )
    transfer = replace(transfer, document=resources.dump(document(transfer)))
    await resources.insert_resource(tx, transfer)
    await volumes.write(tx, volume, now, status=volumes.AWAITING)
    return transfer, key


async def delete(tx: Transaction, transfer: Resource, now: datetime) -> None:
    """Withdrawn: the volume is available again."""
    volume = await resources.find(tx, Kind.VOLUME, transfer.spec["volume_id"])
    if volume is not None and volume.status == volumes.AWAITING:
        await volumes.write(tx, volume, now, status="available")
    await resources.remove(tx, Kind.TRANSFER, transfer.id)


async def accept(tx: Transaction, caller: Caller, transfer_id: str, key: str, now: datetime) -> Resource:
    """The volume is the caller's. Raises Invalid for a wrong key, OverQuota when his project has no room for it."""
    transfer = await get(tx, transfer_id, None)
    if not hmac.compare_digest(_digest(transfer.spec[SALT], key), transfer.spec[DIGEST]):
        raise Invalid(f"Invalid auth key: Attempt to transfer {transfer_id} with invalid auth key.")
    volume = await volumes.get(tx, transfer.spec["volume_id"], transfer.project_id)
    owner = {"project_id": caller.project_id, "user_id": caller.user_id}
    moved, kind = {"volumes": 1, "gigabytes": volume.spec[volumes.GIGABYTES]}, volume_types.of(volume)
    await _move(tx, volume.project_id, caller.project_id, kind, moved)
    await volumes.write(tx, volume, now, status="available", **owner)
    if not transfer.spec["no_snapshots"]:
        for snapshot in await resources.children(tx, Kind.SNAPSHOT, volume.id):
            moved = {"snapshots": 1, "gigabytes": snapshot.spec["size"]}
            await _move(tx, snapshot.project_id, caller.project_id, kind, moved)
            await snapshots.write(tx, snapshot, now, **owner)
    await resources.remove(tx, Kind.TRANSFER, transfer.id)
    return transfer


async def _move(tx: Transaction, giver: str, taker: str, kind: tuple[str, str], amounts: Mapping[str, int]) -> None:
    """What the giver used is the taker's use, within his quota."""
    if giver != taker:
        await volumes.charge(tx, taker, kind, **amounts)
        await usages.release(tx, giver, amounts)


def _digest(salt: str, key: str) -> str:
    return hmac.new(salt.encode(), key.encode(), hashlib.sha256).hexdigest()

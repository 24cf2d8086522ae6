"""Transfers of volumes between the tenant's projects: Cinder's old paths and, for 3.55 and later, its new ones.

The two differ in what may be asked only; what is shown goes by the microversion.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vregion.api.block_storage import listing
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.block_storage import transfers as schema
from vregion.api.schemas.block_storage.types import true
from vregion.model.microversion import Microversion
from vregion.model.resource import Resource
from vregion.region import transfers

routes = Routes()
_OLD, _NEW = "/os-volume-transfer", "/volume-transfers"
_HISTORY = ("destination_project_id", "source_project_id", "accepted")


@routes.post(_OLD, policy="volume:create_transfer")
@routes.post(_NEW, policy="volume:create_transfer")
async def create(call: Call) -> Reply:
    """The offer, with the key that takes it: it is shown this once."""
    body, new = call.json(), _NEW in call.request.url.path
    (schema.CREATE if new else schema.CREATE_OLD).check(body, call.microversion)
    given = body["transfer"]
    name = given.get("name")
    wanted = {"volume_id": given["volume_id"], "name": name.strip() if name is not None else None}
    wanted["no_snapshots"] = true(given.get("no_snapshots", False))
    async with call.region.write() as tx:
        transfer, key = await transfers.create(tx, call.caller, wanted, datetime.now(UTC))
    return Reply({"transfer": {**_detail(call, transfer), "auth_key": key}}, 202)


@routes.get(_OLD, policy="volume:get_all_transfers")
@routes.get(_NEW, policy="volume:get_all_transfers")
async def index(call: Call) -> Reply:
    """Names, volumes and links."""
    return await _listed(call, "", _summary)


@routes.get(f"{_OLD}/detail", policy="volume:get_all_transfers")
@routes.get(f"{_NEW}/detail", policy="volume:get_all_transfers")
async def detail(call: Call) -> Reply:
    """In full."""
    return await _listed(call, "/detail", _detail)


@routes.get(f"{_OLD}/{{id}}", policy="volume:get_transfer")
@routes.get(f"{_NEW}/{{id}}", policy="volume:get_transfer")
async def show(call: Call) -> Reply:
    """One."""
    async with call.region.read() as tx:
        transfer = await transfers.get(tx, call.path["id"], listing.whose(call))
    return Reply({"transfer": _detail(call, transfer)})


@routes.delete(f"{_OLD}/{{id}}", policy="volume:delete_transfer")
@routes.delete(f"{_NEW}/{{id}}", policy="volume:delete_transfer")
async def delete(call: Call) -> Reply:
    """Withdrawn."""
    async with call.region.write() as tx:
        transfer = await transfers.get(tx, call.path["id"], listing.whose(call))
        await transfers.delete(tx, transfer, datetime.now(UTC))
    return Reply(status=202)


@routes.post(f"{_OLD}/{{id}}/accept", policy="volume:accept_transfer")
@routes.post(f"{_NEW}/{{id}}/accept", policy="volume:accept_transfer")
async def accept(call: Call) -> Reply:
    """Taken, by whoever has the key."""
    body = call.json()
    schema.ACCEPT.check(body, call.microversion)
    key = str(body["accept"]["auth_key"])
    async with call.region.write() as tx:
        transfer = await transfers.accept(tx, call.caller, call.path["id"], key, datetime.now(UTC))
    return Reply({"transfer": _summary(call, transfer)}, 202)


async def _listed(call: Call, path: str, view: Any) -> Reply:
    unpaged = _OLD in call.request.url.path or call.microversion < Microversion(3, 59)
    if unpaged and any(name in listing.PAGED for name in call.query):
        listing.paging(call)  # cinder 29.0.0 api/v3/volume_transfer.py takes them for filters, too: none has them
        return Reply({"transfers": []})
    async with call.region.read() as tx:
        found, _, size = await listing.page(tx, call, listing.TRANSFERS)
    links = listing.next_page(call, f"os-volume-transfer{path}", found, size)
    shown = [view(call, transfer) for transfer in found]
    return Reply({"transfers": shown} | ({"transfers_links": links} if links else {}))


def _summary(call: Call, transfer: Resource) -> dict[str, Any]:
    shown = transfers.document(transfer)
    return {name: shown[name] for name in ("id", "volume_id", "name")} | _links(call, transfer)


def _detail(call: Call, transfer: Resource) -> Mapping[str, Any]:
    shown = transfers.document(transfer)
    hidden = [name for name in _HISTORY if call.microversion < Microversion(3, 57)]
    hidden += [] if call.microversion >= Microversion(3, 55) else ["no_snapshots"]
    return {name: value for name, value in shown.items() if name not in hidden} | _links(call, transfer)


def _links(call: Call, transfer: Resource) -> dict[str, Any]:
    """Below the old path, whichever was asked (cinder 29.0.0 api/views/transfers.py)."""
    place = f"{call.project_id}/os-volume-transfer/{transfer.id}"
    root = call.base.rpartition("/")[0]
    return {"links": [{"rel": "self", "href": f"{call.base}/{place}"}, {"rel": "bookmark", "href": f"{root}/{place}"}]}

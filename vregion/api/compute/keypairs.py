"""Keypairs: the caller's own, or, for an admin, another user's. A private key leaves in the answer and nowhere else."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from vregion.api.compute import requests
from vregion.api.compute.links import asked, listed, next_page, page_size
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import keypairs as schema
from vregion.model.microversion import Microversion
from vregion.model.refusals import Forbidden
from vregion.region import key_material, keypairs

routes = Routes()
_ROOT = "os_compute_api:os-keypairs"
# Nova's rule is `admin or user_id:%(user_id)s`; its second half is decided in `_user`.
RULES = dict.fromkeys((f"{_ROOT}:index", f"{_ROOT}:create", f"{_ROOT}:delete", f"{_ROOT}:show"), "any")

_TYPES = Microversion(2, 2)
_LISTED = ("name", "public_key", "fingerprint", "type")
_CREATED = (*_LISTED, "user_id")


@routes.get("/os-keypairs", policy=f"{_ROOT}:index")
async def index(call: Call) -> Reply:
    """Pages and their links since 2.35."""
    schema.LIST.check(asked(call), call.microversion)
    paged = call.microversion >= Microversion(2, 35)
    user_id = _user(call, "index", call.query.get("user_id"))
    limit, marker = (page_size(call), call.query.get("marker")) if paged else (None, None)
    async with call.region.read() as tx:
        found = await keypairs.page(tx, user_id, limit, marker)
    items = [{"keypair": _shown(call, keypairs.document(keypair), _LISTED)} for keypair in found]
    following = next_page(call, "os-keypairs", [keypair.name for keypair in found]) if paged else []
    return Reply(listed(call, "keypairs", items, following))


@routes.post("/os-keypairs", policy=f"{_ROOT}:create")
async def create(call: Call) -> Reply:
    """Import a public key, or, before 2.92, make a pair."""
    body = requests.body(call, schema.CREATE)
    wanted = body["keypair"]
    user_id = _user(call, "create", wanted.get("user_id"))
    key_type, public_key = wanted.get("type", "ssh"), wanted.get("public_key")
    answer = {}
    if public_key is None:
        made = await asyncio.to_thread(key_material.make, key_type, user_id)
        public_key, answer = made.public_key, {"private_key": made.private_key}
    fingerprint = key_material.fingerprint(public_key, key_type)
    key = keypairs.Key(wanted["name"].strip(), key_type, public_key, fingerprint)
    async with call.region.write() as tx:
        keypair = await keypairs.create(tx, call.caller, user_id, key, datetime.now(UTC))
    answer |= _shown(call, keypairs.document(keypair), _CREATED)
    return Reply({"keypair": answer}, 201 if call.microversion >= _TYPES else 200)


@routes.get("/os-keypairs/{name}", policy=f"{_ROOT}:show")
async def show(call: Call) -> Reply:
    """One, with what Nova's row shows."""
    schema.SHOW.check(asked(call), call.microversion)
    user_id = _user(call, "show", call.query.get("user_id"))
    async with call.region.read() as tx:
        keypair = await keypairs.of_user(tx, user_id, call.path["name"])
    document = keypairs.document(keypair)
    return Reply({"keypair": _shown(call, document, document)})


@routes.delete("/os-keypairs/{name}", policy=f"{_ROOT}:delete")
async def delete(call: Call) -> Reply:
    """Its name is free at once."""
    schema.SHOW.check(asked(call), call.microversion)
    user_id = _user(call, "delete", call.query.get("user_id"))
    async with call.region.write() as tx:
        keypair = await keypairs.of_user(tx, user_id, call.path["name"])
        await keypairs.delete(tx, keypair, datetime.now(UTC))
    return Reply(status=204 if call.microversion >= _TYPES else 202)


def _user(call: Call, operation: str, named: str | None) -> str:
    """Whose keypairs; before 2.10 nobody could be named. Raises Forbidden for another user's."""
    if not named or call.microversion < Microversion(2, 10) or named == call.caller.user_id:
        return call.caller.user_id
    if not call.caller.is_admin:
        raise Forbidden(f"Policy doesn't allow {_ROOT}:{operation} to be performed.")
    return named


def _shown(call: Call, document: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: document[name] for name in names if name != "type" or call.microversion >= _TYPES}

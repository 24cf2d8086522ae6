"""Actions that name a flavor, an image or a keypair: resize, rebuild, rescue. What they name must be in the zone first.

An image that the zone has not got yet is copied there while the caller waits, within the backend's time limit.
"""

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from vregion.api.compute import flavors as flavor_api
from vregion.api.compute import microversions
from vregion.api.compute.server_calls import ask, record
from vregion.api.compute.servers import form, groups_of
from vregion.api.http import Call, Reply
from vregion.api.live import in_doubt, realized
from vregion.model.microversion import Microversion
from vregion.model.refusals import Invalid, NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import flavors, images, keypairs, realizations, server_changes, server_migrations, user_limits

_USER_DATA = Microversion(2, 57)
_KEYS = Microversion(2, 54)


async def resize(call: Call, server: Resource, given: Any) -> Reply:
    """Quota for the larger flavor is held before the zone is asked, and given back when it refuses.

    Without an answer the zone may have done it: which of the two it was is seen later.
    """
    flavor_id = str(given["flavorRef"])
    known = (await flavor_api.offered(call)).get(flavor_id)
    if known is None:
        raise Invalid(f"Flavor {flavor_id} could not be found.")
    there = await call.use.directory.backend_flavors(str(server.backend_id))
    if flavor_id not in there:
        raise Invalid(f"Flavor {flavor_id} is not available in availability zone {server.availability_zone}.")
    now = datetime.now(UTC)
    async with call.region.write() as tx:
        await server_changes.begin_resize(tx, server, flavor_id, flavors.embedded(known), now)
        await server_migrations.begin(tx, call.caller, server.id, now)
    external = there[flavor_id]
    wanted = {**given, "flavorRef": external}
    try:
        answer = await ask(call, server, "resize", ("POST", "/action", {"resize": wanted}), {external: flavor_id})
    except BaseException as failed:
        if not in_doubt(failed):
            async with call.region.write() as tx:
                await server_changes.forget_resize(tx, server.id, datetime.now(UTC))
        raise
    disk_config = given.get("OS-DCF:diskConfig", "MANUAL")  # also when it was AUTO: nova 34.0.0 compute/api.py resize()
    async with call.region.write() as tx:
        await server_changes.resizing(tx, server.id, disk_config, datetime.now(UTC))
    await record(call, server, "resize")
    return Reply(answer.body, answer.status)


async def confirm(call: Call, server: Resource, given: Any) -> Reply:
    """The larger or the smaller flavor is the server's for good; the zone does not say when it has done so."""
    answer = await ask(call, server, "confirmResize", ("POST", "/action", {"confirmResize": None}))
    async with call.region.write() as tx:
        await server_changes.confirming(tx, server.id, datetime.now(UTC))
    await record(call, server, "confirmResize")
    return Reply(answer.body, answer.status)


async def rebuild(call: Call, server: Resource, given: Any) -> Reply:
    """The zone sets what the body says; then it is what the tenant wants here, too."""
    wanted = dict(given)
    wanted.setdefault("adminPass", secrets.token_urlsafe(9))
    if "name" in wanted:
        wanted["name"] = wanted["name"].strip()
    whose = (server.project_id, call.caller.user_id)
    async with call.region.read() as tx:
        await user_limits.check_metadata(tx, *whose, len(wanted.get("metadata", {})))
        await user_limits.check_files(tx, *whose, wanted.get("personality") or [])
    sent = {**wanted, "imageRef": await image_there(call, server, wanted["imageRef"], "Cannot find image for rebuild")}
    ids = {sent["imageRef"]: wanted["imageRef"]}
    if wanted.get("key_name") is not None:
        sent["key_name"] = await _keypair_there(call, server, wanted["key_name"])
        ids[sent["key_name"]] = wanted["key_name"]
    await ask(call, server, "rebuild", ("POST", "/action", {"rebuild": sent}), ids)
    async with call.region.write() as tx:
        server = await server_changes.rebuilt(tx, server.id, wanted, call.base, datetime.now(UTC))
        groups = await groups_of(tx, server)
    await record(call, server, "rebuild")
    also = ("key_name",) if call.microversion >= _KEYS else ()
    shown = microversions.part(form(call, server, {"server_groups": groups}), call.microversion, also)
    shown |= {"adminPass": wanted["adminPass"]}
    if call.microversion >= _USER_DATA:
        shown["user_data"] = server.spec.get("user_data")
    location = {"Location": f"{call.base}/servers/{server.id}"}
    return Reply({"server": shown}, 202, location)


async def rescue(call: Call, server: Resource, given: Any) -> Reply:
    """From its own image, or from another one that is taken there first."""
    wanted = dict(given or {})
    wanted.setdefault("adminPass", secrets.token_urlsafe(9))
    ids = {}
    if image_id := wanted.get("rescue_image_ref"):
        wanted["rescue_image_ref"] = await image_there(call, server, image_id, f"Image {image_id} could not be found.")
        ids[wanted["rescue_image_ref"]] = image_id
    answer = await ask(call, server, "rescue", ("POST", "/action", {"rescue": wanted}), ids)
    await record(call, server, "rescue")
    return Reply(answer.body or {"adminPass": wanted["adminPass"]}, answer.status)


async def image_there(call: Call, server: Resource, image_id: str, unknown: str) -> str:
    """The image's id in the server's zone, copied there when need be. Raises Invalid in the given words."""
    async with call.region.write() as tx:
        image = await images.present(tx, image_id)
        if image is None:
            raise Invalid(unknown)
        image = await images.bootable(tx, image_id, server.project_id)
        if server.backend_id is not None:
            await realizations.want(tx, Kind.IMAGE, image_id, server.backend_id, datetime.now(UTC))
    return await realized(call, replace(image, backend_id=server.backend_id))


async def _keypair_there(call: Call, server: Resource, name: str) -> str:
    """The keypair's name in the server's zone."""
    async with call.region.write() as tx:
        try:
            keypair = await keypairs.of_user(tx, call.caller.user_id, name)
        except NotFound as unknown:
            raise Invalid("Invalid key_name provided.") from unknown
        await realizations.want(tx, Kind.KEYPAIR, keypair.id, str(server.backend_id), datetime.now(UTC))
    return await realized(call, replace(keypair, backend_id=server.backend_id))

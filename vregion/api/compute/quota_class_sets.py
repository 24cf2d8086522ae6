"""Quota classes: `default` holds in this virtual region for every project without limits of its own.

A class of another name may be written and read, as in Nova, and holds for nobody.
"""

from vregion.api.compute import requests
from vregion.api.compute.links import asked
from vregion.api.compute.quota_sets import names, of_class
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import quota_sets as schema
from vregion.model.microversion import Microversion
from vregion.model.refusals import Invalid
from vregion.region import usages

routes = Routes()
_ROOT = "os_compute_api:os-quota-class-sets"
_PATH = "/os-quota-class-sets/{name}"
RULES = {f"{_ROOT}:show": "admin", f"{_ROOT}:update": "admin"}
_WHOLE = Microversion(2, 50)  # before it, server groups are missing; since, the network's are
_GROUPS = ("server_groups", "server_group_members")
_LONGEST = 255


@routes.get(_PATH, policy=f"{_ROOT}:show")
async def show(call: Call) -> Reply:
    """Its limits."""
    schema.SHOW_CLASS.check(asked(call), call.microversion)
    async with call.region.read() as tx:
        found = await of_class(tx, call.path["name"])
    return Reply({"quota_class_set": {"id": call.path["name"]} | _shown(call, found)})


@routes.put(_PATH, policy=f"{_ROOT}:update")
async def update(call: Call) -> Reply:
    """Set some of them."""
    body, name = requests.body(call, schema.UPDATE_CLASS), call.path["name"]
    if len(name) > _LONGEST:
        raise Invalid(f"Invalid input received: quota_class_name has {len(name)} characters, more than {_LONGEST}.")
    async with call.region.write() as tx:
        wanted = {resource: int(value) for resource, value in body["quota_class_set"].items()}
        await usages.set_limits_of(tx, "", name, wanted)
        found = await of_class(tx, name)
    return Reply({"quota_class_set": _shown(call, found)})


def _shown(call: Call, found: dict[str, int]) -> dict[str, int]:
    return {name: found[name] for name in names(call, _WHOLE) if call.microversion >= _WHOLE or name not in _GROUPS}

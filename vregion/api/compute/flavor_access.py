"""Which projects of the tenant have which private flavor: the tenant's admin says so, of the flavors that the provider
gave to the tenant. A project of another tenant is none.
"""

from datetime import UTC, datetime
from typing import Any

from vregion.api import operations
from vregion.api.compute import flavors
from vregion.api.compute.links import asked
from vregion.api.http import Call, Reply, Routes
from vregion.api.projects import is_of_tenant
from vregion.api.schemas.compute import flavors as flavor_schema
from vregion.api.schemas.compute.flavor_access import BODIES
from vregion.model.microversion import Microversion
from vregion.model.refusals import Conflict, Invalid, NotFound
from vregion.region import flavor_access
from vregion.region.regions import Transaction

routes = Routes()
_ROOT = "os_compute_api:os-flavor-access"
_ANY = "os_compute_api:flavor-actions"
_ADD, _REMOVE = "addTenantAccess", "removeTenantAccess"
_RULES = {_ADD: f"{_ROOT}:add_tenant_access", _REMOVE: f"{_ROOT}:remove_tenant_access"}
RULES = {_ROOT: "admin", _ANY: "any", **dict.fromkeys(_RULES.values(), "admin")}
_PUBLIC_REFUSED = Microversion(2, 7)


@routes.get("/flavors/{id}/os-flavor-access", policy=_ROOT)
async def index(call: Call) -> Reply:
    """The projects that have it; a public one everybody has."""
    flavor_schema.SHOW.check(asked(call), call.microversion)
    if (await flavors.find(call)).is_public:
        raise NotFound("Access list not available for public flavors.")
    async with call.region.read() as tx:
        return Reply(await _listed(tx, call.path["id"]))


@routes.post("/flavors/{id}/action", policy=_ANY)
async def act(call: Call) -> Reply:
    """Give it to a project or take it away; the body first, then the rule, the project and the flavor, as Nova does."""
    name, body = operations.action_of(call), call.json()
    if name not in BODIES:
        raise Invalid(f"There is no such action: {name}")
    BODIES[name].check(body, call.microversion)
    call.enforce(_RULES[name])
    return await (_add if name == _ADD else _remove)(call, body[name]["tenant"])


async def _add(call: Call, project_id: str) -> Reply:
    if not await is_of_tenant(call, project_id):
        raise Invalid(f"Project ID {project_id} is not a valid project.")
    flavor = await flavors.find(call)
    if flavor.is_public and call.microversion >= _PUBLIC_REFUSED:
        raise Conflict("Can not add access to a public flavor.")
    async with call.region.write() as tx:
        await flavor_access.add(tx, call.caller, flavor.id, project_id, datetime.now(UTC))
        return Reply(await _listed(tx, flavor.id))


async def _remove(call: Call, project_id: str) -> Reply:
    """Whether there is such a project does not matter."""
    flavor = await flavors.find(call)
    async with call.region.write() as tx:
        await flavor_access.remove(tx, flavor.id, project_id)
        return Reply(await _listed(tx, flavor.id))


async def _listed(tx: Transaction, flavor_id: str) -> dict[str, Any]:
    projects = await flavor_access.projects_of(tx, flavor_id)
    return {"flavor_access": [{"flavor_id": flavor_id, "tenant_id": project_id} for project_id in projects]}

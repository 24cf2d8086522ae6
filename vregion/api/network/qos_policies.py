"""QoS policies. Their rules are in `qos_rules`."""

from datetime import UTC, datetime

from vregion.api.http import Call, Reply, Routes
from vregion.api.network import bodies, listing
from vregion.api.network.bodies import Noun
from vregion.api.schemas.network.qos_policies import POLICIES
from vregion.model.resource import Kind
from vregion.region import qos_policies, sharing

routes = Routes()
NOUN = Noun("policy", Kind.QOS_POLICY, POLICIES)
# Several at once would be "policys" to Neutron (29.0.0 `api/v2/base.py` prepare_request_body).
_ONE = Noun("policy", Kind.QOS_POLICY, POLICIES, "policys")


@routes.get("/qos/policies", policy="get_policy")
async def index(call: Call) -> Reply:
    """The project's policies and the shared ones."""
    async with call.region.read() as tx:
        return await listing.answer(tx, call, NOUN, sharing.visible(call.caller))


@routes.get("/qos/policies/{id}", policy="get_policy")
async def show(call: Call) -> Reply:
    """One policy with its rules."""
    async with call.region.read() as tx:
        return listing.show(call, NOUN, await qos_policies.get(tx, call.caller, call.path["id"]))


@routes.post("/qos/policies", policy="create_policy")
async def create(call: Call) -> Reply:
    """One policy, without rules."""
    wanted = bodies.creation(call, _ONE)
    actor = bodies.actor(call, wanted)
    async with call.region.write() as tx:
        policy = await qos_policies.create(tx, actor, wanted | {"project_id": actor.project_id}, datetime.now(UTC))
    return listing.created(NOUN, [policy], bulk=False)


@routes.put("/qos/policies/{id}", policy="update_policy")
async def update(call: Call) -> Reply:
    """Change a policy."""
    wanted, revision = bodies.changes(call, NOUN), bodies.revision(call)
    async with call.region.write() as tx:
        policy = await qos_policies.update(tx, call.caller, call.path["id"], wanted, revision, datetime.now(UTC))
    return listing.show(call, NOUN, policy)


@routes.delete("/qos/policies/{id}", policy="delete_policy")
async def delete(call: Call) -> Reply:
    """Delete a policy that nothing uses."""
    bodies.no_body(call)
    async with call.region.write() as tx:
        await qos_policies.delete(tx, call.caller, call.path["id"], bodies.revision(call), datetime.now(UTC))
    return Reply(status=204)

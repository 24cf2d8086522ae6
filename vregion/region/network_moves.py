"""A network that only one server is on follows it into another zone; its addresses and MACs stay as they are.

Called by `vregion.region.server_moves`. From the beginning of a move to its end `spec["moving_to"]` names the other
backend: the network is wanted on both, and `networks.settle_in` refuses further servers until it is decided.
"""

from collections.abc import Sequence
from datetime import datetime

from vregion.model.backend import Binding
from vregion.model.refusals import Conflict
from vregion.model.resource import Kind, Resource
from vregion.region import addresses, networks, realizations, resources, subnets
from vregion.region import standard_attributes as standard
from vregion.region.regions import Transaction


async def follow(tx: Transaction, server: Resource, plugged: Sequence[Resource], binding: Binding) -> list[str]:
    """The networks of these ports shall be in that zone, too; the ids of those that go there with the server.

    Raises Conflict for one that can neither be in both zones nor follow.
    """
    own = {port.id for port in plugged}
    followers = []
    for network_id in dict.fromkeys(port.spec["network_id"] for port in plugged):
        network = await resources.get(tx, Kind.NETWORK, network_id)
        try:
            await networks.settle_in(tx, network, binding)
        except Conflict as elsewhere:
            if reason := await _bound(tx, server, network, own, binding):
                raise Conflict(f"{elsewhere.message} {reason}", reason=elsewhere.kind) from elsewhere
            zone = {"moving_to": binding.backend_id, "moving_to_zone": binding.availability_zone}
            await standard.note(tx, network, networks.document, spec=zone)
            followers.append(network_id)
    return followers


async def arrive(tx: Transaction, network_id: str, left: str, now: datetime) -> None:
    """It is in the other zone alone now; the backend `left` lets go of it."""
    network = await resources.get(tx, Kind.NETWORK, network_id)
    place = {"backend_id": network.spec["moving_to"], "availability_zone": network.spec["moving_to_zone"]}
    await standard.note(tx, network, networks.document, spec={"moving_to": None, "moving_to_zone": None}, **place)
    await _leave(tx, network, left, now)


async def stay(tx: Transaction, network_id: str, now: datetime) -> None:
    """It stays where it was; the other backend lets go of it. It may be that the tenant has deleted it meanwhile."""
    network = await resources.find(tx, Kind.NETWORK, network_id)
    if network is None or network.deleting:
        return
    await standard.note(tx, network, networks.document, spec={"moving_to": None, "moving_to_zone": None})
    await _leave(tx, network, network.spec["moving_to"], now)
    for subnet in await subnets.of_network(tx, network_id):
        if await realizations.on_backend(tx, Kind.SUBNET, subnet.id, str(network.backend_id)):
            await subnets.prepare(tx, subnet, str(network.backend_id))


async def _leave(tx: Transaction, network: Resource, backend_id: str, now: datetime) -> None:
    """Unwanted there, and seen anew where it is: a refusal of the other zone may be what is shown."""
    for subnet in await subnets.of_network(tx, network.id):
        await realizations.unwant(tx, Kind.SUBNET, subnet.id, now, backend_id)
    await realizations.unwant(tx, Kind.NETWORK, network.id, now, backend_id)
    for realization in await realizations.of_resource(tx, Kind.NETWORK, network.id):
        await realizations.look_again(tx, realization, now)


async def _bound(tx: Transaction, server: Resource, network: Resource, own: set[str], binding: Binding) -> str | None:
    """Why it cannot follow, if it cannot."""
    hints = network.spec["availability_zone_hints"]
    if network.spec.get("moving_to"):
        return "It is following another server to another zone."
    if network.project_id != server.project_id:
        return "It cannot follow the server, as it is another project's."
    if hints and binding.availability_zone not in hints:
        return f"It cannot follow the server, as its hint is {' or '.join(hints)}."
    if others := set(await addresses.ports_of_network(tx, network.id)) - own:
        return f"It cannot follow the server, as other ports are on it: {', '.join(sorted(others))}."
    return None

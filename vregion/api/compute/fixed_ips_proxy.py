"""Nova's two actions for a server's fixed addresses, until 2.43. The ports and their addresses are Neutron's.

Called by `server_actions`; the zone hears of it as of any change of a port.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from vregion.api.http import Call, Reply
from vregion.model.refusals import Invalid, NotFound, Refusal
from vregion.model.resource import Resource
from vregion.region import ports, servers, subnets
from vregion.region.regions import Transaction


async def add(call: Call, server: Resource, given: Any) -> Reply:
    """One more address on a network that the server is on, from the first subnet that has one left."""
    network_id = str(given["networkId"])
    async with call.region.write() as tx:
        servers.require_unlocked(server, is_admin=call.caller.is_admin)
        on = [port for port in await ports.of_server(tx, server.id) if port.spec["network_id"] == network_id]
        if not on or not await _take(tx, call, on[0], await subnets.of_network(tx, network_id)):
            raise NotFound(f"Network could not be found for instance {server.id}.")
        await servers.redraw(tx, server.id)
    return Reply(None, 202)


async def remove(call: Call, server: Resource, given: Any) -> Reply:
    """The port stays, without that address."""
    address = given["address"]
    async with call.region.write() as tx:
        servers.require_unlocked(server, is_admin=call.caller.is_admin)
        for port in await ports.of_server(tx, server.id):
            left = [ip for ip in port.spec["fixed_ips"] if ip["ip_address"] != address]
            if left != port.spec["fixed_ips"]:
                await ports.update(tx, call.caller, port.id, {"fixed_ips": left}, None, datetime.now(UTC))
                await servers.redraw(tx, server.id)
                return Reply(None, 202)
    raise Invalid(f"Instance {server.id} does not have fixed IP '{address}'.")


async def _take(tx: Transaction, call: Call, port: Resource, among: Sequence[Resource]) -> bool:
    """nova 34.0.0 `network/neutron.py` add_fixed_ip_to_instance: a subnet that refuses is passed over."""
    for subnet in among:
        wanted = {"fixed_ips": [*port.spec["fixed_ips"], {"subnet_id": subnet.id}]}
        try:
            await ports.update(tx, call.caller, port.id, wanted, None, datetime.now(UTC))
        except Refusal:
            continue
        return True
    return False

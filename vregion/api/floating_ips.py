"""Making a floating IP for a request: written down first, then its zone is waited for, as only that knows the address.

Called by the network API and by Nova's old proxy. Should the zone refuse, or not answer in time, nothing is left: the
row ends, and the loop takes away what the zone may have made nevertheless.
"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

from vregion.api.http import Call
from vregion.model.caller import Caller
from vregion.model.refusals import Conflict, NotFound, Refusal, Unavailable
from vregion.model.resource import Kind, Resource, State
from vregion.region import floating_ips, realizations, resources

FIRST_LOOK, LONGEST_LOOK = 0.01, 0.25  # seconds


async def create(call: Call, caller: Caller, wanted: dict[str, Any]) -> Resource:
    """A floating IP with its address. Raises what Neutron raises, Conflict, and Unavailable (503)."""
    zones = await call.use.directory.bindings(call.region.id)
    async with call.region.write() as tx:
        ip = await floating_ips.create(tx, caller, wanted, zones, datetime.now(UTC))
        if ip.backend_id in call.use.backends.unreachable():
            raise _silent(ip)
    try:
        return await _addressed(call, ip)
    except Refusal:
        async with call.region.write() as tx:
            if await resources.find(tx, Kind.FLOATING_IP, ip.id) is not None:
                await floating_ips.delete(tx, caller, ip.id, None, datetime.now(UTC))
        raise


async def _addressed(call: Call, ip: Resource) -> Resource:
    """The row once its zone has given an address."""
    until, pause = time.monotonic() + call.use.settings.backend_timeout, FIRST_LOOK
    while time.monotonic() < until:
        async with call.region.read() as tx:
            row = await resources.find(tx, Kind.FLOATING_IP, ip.id)
            there = await realizations.on_backend(tx, Kind.FLOATING_IP, ip.id, str(ip.backend_id))
        if row is None or there is None:
            raise NotFound(f"Floating IP {ip.id} could not be found", reason="FloatingIPNotFound")
        if row.spec["floating_ip_address"]:
            return row
        if there.state is State.ERROR:
            raise _refused(row, there.reason or "")
        if ip.backend_id in call.use.backends.unreachable():
            break
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_LOOK)
    raise _silent(ip)


def _silent(ip: Resource) -> Unavailable:
    return Unavailable(f"Availability zone {ip.availability_zone} does not answer at the moment. Try again later.")


def _refused(ip: Resource, words: str) -> Conflict:
    """In Neutron's words where the zone has no address left; else in the zone's own."""
    if words.startswith("No more IP addresses"):
        message = f"No more IP addresses available on network {ip.spec['floating_network_id']}."
        return Conflict(message, reason="IpAddressGenerationFailure")
    return Conflict(f"Availability zone {ip.availability_zone} gives no floating IP: {words}")

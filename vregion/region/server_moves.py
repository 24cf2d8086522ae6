"""A shelved server comes up in another zone: its rows at the beginning, at the end, and when it comes to nothing.

Called by the unshelve action (`begin`) and by the reconcilers, whose observations of a server all pass here. While
`spec["moving"]` is there the server has two realizations: its home, where it stays shelved and untouched, and the one
that is being made. Only when that one is ACTIVE does the home change hands, and the old realization is unwanted; if it
cannot be made, the new one is unwanted and nothing else has changed. See docs/adr/0015. No cloud is asked here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from vregion.model.backend import Binding
from vregion.model.caller import Caller
from vregion.model.observed import Observed
from vregion.model.refusals import Conflict
from vregion.model.resource import Kind, Resource, State
from vregion.region import (
    actions,
    dns_names,
    network_moves,
    placement,
    ports,
    realizations,
    resources,
    server_groups,
    server_shelving,
    servers,
    volume_moves,
)
from vregion.region.realizations import Key
from vregion.region.regions import Transaction


@dataclass(frozen=True, slots=True)
class Shelved:
    """What its cloud told of a shelved server: the image that shelving made of its disk, where we did not know it yet,
    and the device of each volume, by our ids.
    """

    snapshot: Observed | None = None
    devices: Mapping[str, str] = field(default_factory=dict)


UNSHELVED_AT_HOME = "The server was unshelved in its own availability zone meanwhile."


def require_movable(server: Resource, binding: Binding, *, has_flavor: bool) -> None:
    """What can be told without the rows of others. Raises Conflict with the reason."""
    spec, zone = server.spec, binding.availability_zone
    servers.require_unlocked(server, is_admin=False)
    if server.deleting or spec.get("moving") or spec["task_state"] or spec["vm_state"] != "shelved_offloaded":
        raise servers.cannot(server, "unshelve")
    if not has_flavor:
        raise _stays(server, zone, f"there is no flavor like its own in {zone}")
    if lacking := placement.lacking(binding, placement.features(spec)):
        raise _stays(server, zone, f"the cloud there is too old for it: no {lacking}")


async def begin(
    tx: Transaction, caller: Caller, server: Resource, binding: Binding, shelved: Shelved, now: datetime
) -> None:
    """Accept it. Raises Refusal, and then nothing has changed."""
    server = await servers.hold(tx, server.id, None)
    require_movable(server, binding, has_flavor=True)
    plugged = await ports.of_server(tx, server.id)
    group = await _group(tx, server, binding)
    await _check_gone(tx, server, plugged, binding)
    if trunk := next((port for port in plugged if port.spec.get("trunk_details")), None):
        raise Conflict(f"Port {trunk.id} is a trunk's parent: it and its sub-ports stay in their zone.")
    followers = await network_moves.follow(tx, server, plugged, binding)
    followed = await volume_moves.follow(tx, caller, server, binding, now)
    image = await server_shelving.whole(tx, server, shelved.snapshot, now)
    keypair = await _keypair(tx, server, now)
    wanted: list[Key] = [(Kind.PORT, port.id) for port in plugged]
    wanted += [(Kind.VOLUME, volume_id) for volume_id in followed]
    wanted += [*([(Kind.IMAGE, image.id)] if image else []), *keypair, *group]
    await realizations.forget_needs(tx, Kind.SERVER, server.id)
    await realizations.need(tx, server, wanted)
    for port in plugged:
        dns_names.require_service(port.id, port.spec.get("dns_name"), binding)
        await ports.want(tx, port, binding.backend_id, now)
    await realizations.want(tx, Kind.SERVER, server.id, binding.backend_id, now)
    moving = {
        "backend": binding.backend_id,
        "zone": binding.availability_zone,
        "image": image.id if image else None,
        "keypair": keypair[0][1] if keypair else None,
        "group": bool(group),
        "networks": followers,
        "devices": dict(shelved.devices),
    }
    tags = {item["port"]: item for item in server.spec["networks"] if server.spec["networks"] != "none"}
    shown = servers.shown(server) | {"OS-EXT-STS:task_state": "unshelving"}
    spec = server.spec | {
        "task_state": "unshelving",
        "moving": moving,
        **({server_shelving.IMAGE: image.id} if image else {}),
        "moved": True,
        "networks": [tags.get(port.id, {"port": port.id}) for port in plugged] or "none",
    }
    await servers.write(tx, server, now, spec, document=shown)
    words = f"from zone {server.availability_zone} to zone {binding.availability_zone}: named in the request"
    words += f"; volumes are copied: {', '.join(followed)}" if followed else ""
    chosen = actions.event("conductor_unshelve_instance", now, done=True, details=words)
    spawning = actions.event("compute_unshelve_instance", now)
    await actions.begin(tx, caller, [server], "unshelve", now, [chosen, spawning])


async def settled(tx: Transaction, server: Resource, observed: Observed) -> None:
    """One of its realizations was seen. Only its home's is the tenant's to see."""
    if not server.spec.get("moved"):
        await servers.settled(tx, server, observed)
        return
    server = await servers.hold(tx, server.id, None)
    if server.deleting:
        return
    home = await realizations.on_backend(tx, Kind.SERVER, server.id, str(server.backend_id))
    at_home = home is not None and home.external_id == observed.external_id
    if not server.spec.get("moving"):
        if at_home:
            await servers.settled(tx, server, observed)
    elif at_home:
        seen = observed.document
        if seen["OS-EXT-STS:vm_state"] != "shelved_offloaded" or seen.get("OS-EXT-STS:task_state") is not None:
            await _abandon(tx, server, UNSHELVED_AT_HOME)
            await servers.settled(tx, server, observed)
    elif observed.failed:
        await _abandon(tx, server, observed.failed)
    elif observed.settled:
        await _arrive(tx, server)
        await servers.settled(tx, server, observed)


async def stopped(tx: Transaction, server: Resource, reason: str) -> None:
    """A backend refused something of it for good: the new one, and it stays where it is, or its home."""
    if not server.spec.get("moved") or await _ended(tx, server, State.ERROR, reason):
        await servers.stopped(tx, server, reason)


async def lost(tx: Transaction, server: Resource) -> None:
    """A healthy backend has it no more. While it moves, the home's loss is told only when the new one fails, too."""
    words = "The server was deleted there before it was up."
    if not server.spec.get("moved") or await _ended(tx, server, State.LOST, words):
        await servers.lost(tx, server)


async def vanished(tx: Transaction, server: Resource) -> None:
    """The last backend has let go of a deleted server."""
    if server.spec.get("moving"):
        await _take_back(tx, server, datetime.now(UTC))
    await servers.vanished(tx, server)


async def _ended(tx: Transaction, server: Resource, state: State, reason: str) -> bool:
    """Whether its home has come to this state, and it is to stay there. If the new one has, the move is given up."""
    server = await servers.hold(tx, server.id, None)
    states = {r.backend_id: r.state for r in await realizations.of_resource(tx, Kind.SERVER, server.id) if r.wanted}
    moving = server.spec.get("moving")
    if moving and not server.deleting and states.get(moving["backend"]) is state:
        await _abandon(tx, server, reason)
    return not moving and states.get(str(server.backend_id)) is state


async def _arrive(tx: Transaction, server: Resource) -> None:
    """The new one is ACTIVE: it is the server now, and the old one goes."""
    now, moving, left = datetime.now(UTC), server.spec["moving"], str(server.backend_id)
    place = {"backend_id": moving["backend"], "availability_zone": moving["zone"]}
    for port in await ports.of_server(tx, server.id):
        await ports.move(tx, port, moving["backend"], moving["zone"])
        await realizations.unwant(tx, Kind.PORT, port.id, now, left)
    for network_id in moving["networks"]:
        await network_moves.arrive(tx, network_id, left, now)
    for entry in server.spec["volumes"]:
        await volume_moves.arrive(tx, server, entry, left, now)
    await servers.forget_needs(tx, server, now)
    await realizations.unwant(tx, Kind.SERVER, server.id, now, left)
    spec = {k: v for k, v in server.spec.items() if k != "moving"} | {"pinned_availability_zone": moving["zone"]}
    shown = servers.shown(server) | {
        "OS-EXT-AZ:availability_zone": moving["zone"],
        "pinned_availability_zone": moving["zone"],
    }
    await servers.write(tx, server, now, spec, document=shown, **place)
    await ports.look_again(tx, server.id, now)


async def _abandon(tx: Transaction, server: Resource, reason: str) -> None:
    """The new one goes. The server is what it was, and its action tells why."""
    now, moving = datetime.now(UTC), server.spec["moving"]
    await _take_back(tx, server, now)
    await realizations.unwant(tx, Kind.SERVER, server.id, now, moving["backend"])
    await servers.forget_needs(tx, server, now)
    spec = {k: v for k, v in server.spec.items() if k != "moving"} | {"task_state": None}
    shown = servers.shown(server) | {"OS-EXT-STS:task_state": None}
    server = await servers.write(tx, server, now, spec, document=shown)
    await actions.finish(tx, server.id, now, f"zone {moving['zone']}: {reason}"[:1024])
    await ports.look_again(tx, server.id, now)
    home = await realizations.on_backend(tx, Kind.SERVER, server.id, str(server.backend_id))
    if home is not None and home.state is State.LOST:
        await servers.lost(tx, server)


async def _take_back(tx: Transaction, server: Resource, now: datetime) -> None:
    """What was made for it in the other zone goes."""
    moving = server.spec["moving"]
    for port in await ports.of_server(tx, server.id):
        await realizations.unwant(tx, Kind.PORT, port.id, now, moving["backend"])
    for network_id in moving["networks"]:
        await network_moves.stay(tx, network_id, now)
    for entry in server.spec["volumes"]:
        await volume_moves.stay(tx, entry["volumeId"], now)
    if moving["image"]:
        await realizations.unwant(tx, Kind.IMAGE, moving["image"], now, moving["backend"])


async def _keypair(tx: Transaction, server: Resource, now: datetime) -> list[Key]:
    """Its keypair, unless the tenant has deleted it: the key is on the disk anyway."""
    keypair_id = server.spec["keypair"]
    keypair = await resources.find(tx, Kind.KEYPAIR, keypair_id) if keypair_id else None
    if keypair is None or keypair.deleting:
        return []
    await realizations.want(tx, Kind.KEYPAIR, keypair.id, str(server.backend_id), now)
    return [(Kind.KEYPAIR, keypair.id)]


async def _group(tx: Transaction, server: Resource, binding: Binding) -> list[Key]:
    """Its server group. One for affinity keeps its members together. Raises Conflict."""
    group_id = server.spec["server_group"]
    group = await resources.find(tx, Kind.SERVER_GROUP, group_id) if group_id else None
    if group is None or group.deleting:
        return []
    if group.spec["policy"] == "affinity":
        ids = (await server_groups.members(tx, [group.id])).get(group.id, [])
        others = (await resources.find_many(tx, Kind.SERVER, [i for i in ids if i != server.id])).values()
        if any(other.backend_id != binding.backend_id for other in others):
            raise _stays(server, binding.availability_zone, f"the members of its group {group.id} stay together")
    return [(Kind.SERVER_GROUP, group.id)]


async def _check_gone(tx: Transaction, server: Resource, plugged: list[Resource], binding: Binding) -> None:
    """What an earlier move left behind must have gone first. Raises Conflict."""
    if server.spec.get("ports_leaving"):
        raise _stays(server, binding.availability_zone, "a port is being taken off it")
    keys: list[Key] = [(Kind.PORT, port.id) for port in plugged]
    keys += [(Kind.NETWORK, port.spec["network_id"]) for port in plugged]
    keys += [(Kind.SUBNET, ip["subnet_id"]) for port in plugged for ip in port.spec["fixed_ips"]]
    elsewhere = len(await realizations.of_resource(tx, Kind.SERVER, server.id)) > 1
    if elsewhere or await realizations.leaving(tx, binding.backend_id, keys):
        raise _stays(server, binding.availability_zone, "what is left of an earlier move is still being taken away")


def _stays(server: Resource, zone: str, why: str) -> Conflict:
    return Conflict(f"Server {server.id} cannot be unshelved in availability zone {zone}: {why}.")

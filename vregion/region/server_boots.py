"""POST /servers as one write transaction: what can be refused is refused here, the rest is written down.

Called by `vregion.api.compute.servers`. In order: what the body refers to (image, keypair, disks, networks, groups),
the scheduler's choice of the zone, quota, then the rows: volumes, ports, the server, what it needs, that it is wanted,
and the action. No cloud is asked. The words are those of nova 34.0.0 `compute/api.py` and `exception.py`.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from vregion.model.backend import Binding
from vregion.model.caller import Caller
from vregion.model.refusals import Conflict, Forbidden, Invalid, NotFound, OverQuota, Refusal
from vregion.model.resource import Kind, Resource
from vregion.region import (
    actions,
    associations,
    auto_allocated_topology,
    images,
    keypairs,
    networks,
    placement,
    ports,
    realizations,
    resources,
    scheduler,
    security_groups,
    server_disks,
    server_documents,
    server_groups,
    trunks,
    usages,
    user_limits,
    volume_creates,
    volumes,
)
from vregion.region.realizations import Key
from vregion.region.regions import Transaction
from vregion.region.scheduler import Decision, Tie
from vregion.region.server_disks import Disk

GIB = 1 << 30
_KEPT = (
    "accessIPv4", "accessIPv6", "adminPass", "config_drive", "description", "hostname", "key_name", "personality",
    "tags", "trusted_image_certificates", "user_data",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Boot:
    """One POST /servers whose body has the right form. `flavor` is embedded; `having` are the backends that have it."""

    caller: Caller
    server: Mapping[str, Any]
    hints: Mapping[str, Any]
    flavor_id: str
    flavor: Mapping[str, Any]
    zones: Sequence[Binding]
    having: frozenset[str]
    base: str
    now: datetime

    @property
    def counts(self) -> tuple[int, int]:
        """How many servers at least and at most."""
        least = int(self.server.get("min_count", 1))
        return least, int(self.server.get("max_count", least))


@dataclass(slots=True)
class Found:
    """What the body refers to, found; the same for every server of the request."""

    disks: list[Disk]
    image: Resource | None
    keypair: Resource | None
    group: Resource | None
    networks: list[dict[str, Any]]
    security_groups: list[Resource]
    ties: list[Tie]
    servers: list[Resource]  # other servers that the hints name
    plugged: list[Resource]  # the ports, and the networks that it gets new ports on


async def boot(tx: Transaction, request: Boot) -> list[Resource]:
    """Accept the servers. Raises Refusal, and then nothing is left behind."""
    found = await _find(tx, request)
    named = request.server.get("availability_zone")
    wanted = _wanted(request, found)
    zones = await placement.zones(tx, request.zones, named, wanted)
    decision = scheduler.choose(named, request.flavor_id, zones, found.ties)
    placement.require_able(decision.binding, wanted.features)
    count = await _reserve(tx, request)
    reservation = f"r-{secrets.token_hex(4)}"
    made = []
    for index in range(count):
        made.append(await _one(tx, request, found, decision, (index, count, reservation)))
    event = actions.event("schedule_servers", request.now, done=True, details=decision.reason)
    building = actions.event("compute__do_build_and_run_instance", request.now)
    await actions.begin(tx, request.caller, made, "create", request.now, [event, building])
    return made


async def _find(tx: Transaction, request: Boot) -> Found:
    project_id, server = request.caller.project_id, request.server
    image = await images.bootable(tx, server["imageRef"], project_id) if server.get("imageRef") else None
    disks = server_disks.requested(server, request.flavor, server_disks.of_image(image.spec if image else None))
    _check_counts(request, disks)
    _check_image(request, image, disks)
    found = Found(disks, image, await _keypair(tx, request), None, [], [], [], [], [])
    await _find_disks(tx, request, found)
    await _find_networks(tx, request, found)
    await _find_hints(tx, request, found)
    wanted = _groups_named(request) or [security_groups.DEFAULT]
    found.security_groups = await security_groups.resolve(tx, project_id, wanted)
    return found


def _check_counts(request: Boot, disks: Sequence[Disk]) -> None:
    """What cannot be said of several servers at once."""
    least, most = request.counts
    if least > most:
        raise Invalid("min_count must be <= max_count")
    if most == 1:
        return
    wanted = request.server.get("networks")
    for item in wanted if isinstance(wanted, list) else ():
        if item.get("fixed_ip"):
            words = "max_count cannot be greater than 1 if an fixed_ip is specified."
            raise Invalid(f"Failed to launch instances: {words}")
        if item.get("port"):
            words = "Unable to launch multiple instances with a single configured port ID."
            words += " Please launch your instance one by one with different ports."
            raise Invalid(f"Failed to launch instances: {words}")
    if any(disk["source_type"] == "volume" for disk in disks):
        raise Invalid("Cannot attach one or more volumes to multiple instances")
    if request.server.get("hostname"):
        raise Invalid("Unable to allocate a single hostname to multiple instances")


def _check_image(request: Boot, image: Resource | None, disks: Sequence[Disk]) -> None:
    if image is None:
        if request.server.get("trusted_image_certificates"):
            words = "Image certificate validation is not supported when booting from volume"
            raise Invalid(f"Image signature certificate validation failed for certificate: None. {words}")
        return
    if request.flavor["ram"] < (image.spec.get("min_ram") or 0):
        raise Invalid("Flavor's memory is too small for requested image.")
    if _of_volumes(image):
        return
    have, size = request.flavor["disk"] * GIB, image.spec.get("size") or 0
    least = (image.spec.get("min_disk") or 0) * GIB
    if have == 0 and not request.caller.is_admin:
        raise Forbidden("Only volume-backed servers are allowed for flavors with zero disk.")
    if have and size > have:
        raise Invalid(
            f"Flavor's disk is too small for requested image. Flavor disk is {have} bytes, image is {size} bytes."
        )
    if have and least > have:
        raise Invalid(
            "Flavor's disk is smaller than the minimum size specified in image metadata. "
            f"Flavor disk is {have} bytes, minimum size is {least} bytes."
        )


def _of_volumes(image: Resource) -> bool:
    """Whether the image has no bytes of its own, only devices (`server_images`)."""
    return any(disk["boot_index"] == 0 for disk in server_disks.of_image(image.spec))


async def _keypair(tx: Transaction, request: Boot) -> Resource | None:
    if request.server.get("key_name") is None:
        return None
    try:
        return await keypairs.of_user(tx, request.caller.user_id, request.server["key_name"])
    except NotFound as unknown:
        raise Invalid("Invalid key_name provided.") from unknown


async def _find_disks(tx: Transaction, request: Boot, found: Found) -> None:
    """Volumes must be free, and they tie the server to their zone; so do snapshots."""
    project_id = request.caller.project_id
    for disk in found.disks:
        source, named = disk["source_type"], disk.get("uuid", "")
        words = f"Block Device Mapping is Invalid: failed to get {source} {named}."
        if source == "image" and disk["destination_type"] == "volume":
            try:
                await images.bootable(tx, named, project_id)
            except Invalid as unknown:
                raise Invalid(words) from unknown
        elif source == "volume":
            try:
                volume = await volumes.for_server(tx, named, project_id, None)
            except NotFound as unknown:
                raise Invalid(words) from unknown
            if disk["boot_index"] == 0 and volume.spec.get("bootable", "false") != "true":
                raise Invalid(f"Block Device {named} is not bootable.")
            found.ties.append(Tie("volume", named, str(volume.backend_id)))
        elif source == "snapshot":
            snapshot = await resources.find(tx, Kind.SNAPSHOT, named, project_id)
            if snapshot is None:
                raise Invalid(words)
            found.ties.append(Tie("volume", snapshot.id, str(snapshot.backend_id)))


async def _find_networks(tx: Transaction, request: Boot, found: Found) -> None:
    """The networks and ports of the request; a network that a zone has already ties the server to it, and so does
    a floating IP that leads to a port."""
    wanted = request.server.get("networks")
    if wanted == "none":
        return
    if wanted is None or wanted == "auto" or wanted == []:
        found.networks = await _chosen_networks(tx, request, wanted)
        wanted = found.networks
    else:
        found.networks = [dict(item) for item in wanted]
    plugged = [item["port"] for item in wanted if item.get("port")]
    for ip in await associations.leading_to(tx, request.caller.project_id, plugged):
        found.ties.append(Tie("floating IP", ip.id, str(ip.backend_id)))
    seen: set[str] = set()
    for item in wanted:
        network, port = await _network_of(tx, request, item, seen)
        found.plugged.append(port or network)
        for one in (network, *await trunks.networks_behind(tx, item.get("port"))):
            found.ties += _tie_of(one, request)


def _tie_of(network: Resource, request: Boot) -> list[Tie]:
    """To the zone that has it, or can have it by its hints; none while it can be anywhere."""
    reached = [zone.backend_id for zone in request.zones if networks.admits(network, zone)]
    home = network.backend_id or (reached[0] if network.spec["availability_zone_hints"] and reached else None)
    if home is None:
        return []
    named = [zone for zone in request.zones if zone.availability_zone == request.server.get("availability_zone")]
    why = next((networks.why_not(network, zone) for zone in named if zone.backend_id not in reached), "")
    return [Tie("network", network.id, home, frozenset(reached) - {home}, why)]


async def _chosen_networks(tx: Transaction, request: Boot, wanted: Any) -> list[dict[str, Any]]:
    """Nobody named one: the only one that there is; with `auto` and none, the project's auto-allocated topology.

    Raises Conflict and Invalid in Nova's words (nova 34.0.0 network/neutron.py `_ports_needed_per_instance`).
    """
    available = await networks.candidates(tx, request.caller.project_id)
    if len(available) > 1:
        raise Conflict("Multiple possible networks found, use a Network ID to be more specific.")
    if not available and wanted == "auto":
        zones = {zone.availability_zone: zone.backend_id for zone in request.zones if zone.state == "enabled"}
        try:
            available = [await auto_allocated_topology.make(tx, request.caller, zones, request.now)]
        except (Conflict, OverQuota) as unable:
            words = f"Unable to automatically allocate a network for project {request.caller.project_id}"
            raise Invalid(words) from unable
    return [{"uuid": network.id} for network in available]


async def _network_of(
    tx: Transaction, request: Boot, item: Mapping[str, Any], seen: set[str]
) -> tuple[Resource, Resource | None]:
    """The network, and the port when one was named."""
    port_id = item.get("port")
    if port_id is None:
        if "uuid" not in item:
            raise Invalid("Bad network format: missing 'uuid'")
        try:
            network = await networks.get(tx, request.caller, item["uuid"])
        except NotFound as unknown:
            raise Invalid(unknown.message) from unknown
        if network.spec.get("router:external") and not network.spec.get("shared") and not request.caller.is_admin:
            raise Forbidden(f"It is not allowed to create an interface on external network {network.id}")
        if not network.spec.get("subnets"):
            raise Invalid(f"Network {network.id} requires a subnet in order to boot instances on.")
        return network, None
    if port_id in seen:
        raise Invalid(f"Port ID '{port_id}' was specified twice: you cannot attach a port multiple times.")
    seen.add(port_id)
    if item.get("fixed_ip"):
        raise Invalid(
            f"Specified Fixed IP '{item['fixed_ip']}' cannot be used with port '{port_id}': "
            "the two cannot be specified together."
        )
    project_id = None if request.caller.is_admin else request.caller.project_id
    port = await resources.find(tx, Kind.PORT, port_id, project_id)
    if port is None or port.deleting:
        raise Invalid(f"Port id {port_id} could not be found.")
    if port.spec.get("device_id"):
        raise Conflict(f"Port {port_id} is still in use.")
    return await resources.get(tx, Kind.NETWORK, port.spec["network_id"]), port


async def _find_hints(tx: Transaction, request: Boot, found: Found) -> None:
    """A server group must exist; hints that name servers must name the project's own."""
    wanted = request.hints.get("group")
    if wanted is not None:
        group_id = str(wanted[0] if isinstance(wanted, list) and wanted else wanted)
        found.group = await server_groups.join(tx, group_id, request.caller, request.counts[0])
        if found.group.spec["policy"] == "affinity":
            await _tie_to(tx, found, (await server_groups.members(tx, [group_id])).get(group_id, []))
    for hint in ("same_host", "different_host"):
        named = request.hints.get(hint, [])
        ids = [named] if isinstance(named, str) else list(named)
        known = await resources.find_many(tx, Kind.SERVER, ids)
        found.servers += [s for s in known.values() if s.project_id == request.caller.project_id]
        if hint == "same_host":
            await _tie_to(tx, found, ids)


async def _tie_to(tx: Transaction, found: Found, server_ids: Sequence[str]) -> None:
    for server in (await resources.find_many(tx, Kind.SERVER, server_ids)).values():
        if server.backend_id is not None:
            found.ties.append(Tie("server", server.id, server.backend_id))


def _wanted(request: Boot, found: Found) -> placement.Wanted:
    """All of its servers with their new volumes: where they fit, they shall be."""
    most = request.counts[1]
    amounts = {name: amount * most for name, amount in charge(request.flavor).items()}
    new = [disk for disk in found.disks if disk["destination_type"] == "volume" and disk["source_type"] != "volume"]
    amounts["volumes"] = len(new) * most
    amounts["gigabytes"] = sum(int(disk.get("volume_size") or 0) for disk in new) * most
    features = placement.features({**request.server, "networks": found.networks or "none"})
    return placement.Wanted(amounts, request.having, found.image, found.plugged, found.ties, features)


async def _reserve(tx: Transaction, request: Boot) -> int:
    """As many servers as the quota allows, between the two counts. Raises OverQuota in Nova's words."""
    least, most = request.counts
    one, whose = charge(request.flavor), (request.caller.project_id, request.caller.user_id)
    await user_limits.check_metadata(tx, *whose, len(request.server.get("metadata") or {}))
    await user_limits.check_files(tx, *whose, request.server.get("personality") or [])
    known, own = await usages.limits(tx, whose[0]), await user_limits.known(tx, *whose)
    count, asked = most, {name: amount * most for name, amount in one.items()}
    while count > least and (usages.short(known, asked) or usages.short(own, asked)):
        count, asked = count - 1, {name: amount * (count - 1) for name, amount in one.items()}
    try:
        await usages.reserve(tx, whose[0], asked)
    except OverQuota as over:
        raise usages.too_many(known, asked) from over
    if own:
        await user_limits.require(tx, *whose, asked)
    return count


def charge(flavor: Mapping[str, Any]) -> dict[str, int]:
    """What one server of this flavor takes of the quota."""
    return {"instances": 1, "cores": flavor["vcpus"], "ram": flavor["ram"]}


async def _one(
    tx: Transaction, request: Boot, found: Found, decision: Decision, place: tuple[int, int, str]
) -> Resource:
    """One server's rows."""
    server_id, caller, now = str(uuid4()), request.caller, request.now
    backend_id, zone = decision.binding.backend_id, decision.binding.availability_zone
    spec = _spec(request, found, place)
    disks, attached = await _make_disks(tx, request, found, decision, server_id)
    spec |= {"block_device_mapping_v2": disks, "volumes": attached}
    plugged, host = [], server_documents.hostname_of(spec, server_id)
    for item in found.networks:
        plugged.append(await _plug(tx, request, decision, server_id, {**item, "host_name": host}))
    if found.networks:
        spec["networks"] = [
            {"port": port.id} | ({"tag": item["tag"]} if item.get("tag") else {})
            for port, item in zip(plugged, found.networks, strict=True)
        ]
    owner = (caller.project_id, caller.user_id)
    document = server_documents.fresh(server_id, spec, owner, zone, request.base, now)
    spec |= server_documents.searched(document)
    server = Resource(
        id=server_id,
        kind=Kind.SERVER,
        project_id=caller.project_id,
        user_id=caller.user_id,
        name=spec["name"],
        status="BUILD",
        created_at=now,
        updated_at=now,
        spec=spec,
        document=server_documents.stored(document),
        availability_zone=zone,
        backend_id=backend_id,
    )
    await resources.insert_resource(tx, server)
    await realizations.need(tx, server, _needs(found, spec, plugged, backend_id))
    await realizations.want(tx, Kind.SERVER, server_id, backend_id, now)
    return server


def _spec(request: Boot, found: Found, place: tuple[int, int, str]) -> dict[str, Any]:
    """What the tenant wants, in Nova's names and our ids, and what we must remember beside it."""
    server = request.server
    index, count, reservation = place
    name = server["name"].strip()
    spec = {key: server[key] for key in _KEPT if server.get(key) is not None}
    spec |= {
        "name": name if count == 1 else f"{name}-{index + 1}",
        "imageRef": server.get("imageRef") or "",
        "image_of_volumes": found.image is not None and _of_volumes(found.image),
        "flavorRef": request.flavor_id,
        "flavor": dict(request.flavor),
        "metadata": server.get("metadata") or {},
        "networks": "none",
        "OS-DCF:diskConfig": server.get("OS-DCF:diskConfig", "MANUAL"),
        "pinned_availability_zone": server.get("availability_zone"),
        "security_groups": list(dict.fromkeys(group.name for group in found.security_groups)),
        "reservation_id": reservation,
        "launch_index": index,
        "reserved": charge(request.flavor),
        "keypair": found.keypair.id if found.keypair else None,
        "server_group": found.group.id if found.group else None,
        "vm_state": "building",
        "task_state": "scheduling",
        "power_state": 0,
        "locked": False,
    }
    if "config_drive" in spec:
        spec["config_drive"] = server_disks.truth(spec["config_drive"])
    if "tags" in spec:
        spec["tags"] = sorted(set(spec["tags"]))
    if request.hints:
        spec["os:scheduler_hints"] = dict(request.hints)
    return spec


async def _make_disks(
    tx: Transaction, request: Boot, found: Found, decision: Decision, server_id: str
) -> tuple[list[Disk], list[dict[str, Any]]]:
    """The devices as the backend will get them: every volume exists, and is reserved for this server."""
    disks, attached = [], []
    for disk in found.disks:
        if disk["destination_type"] != "volume":
            disks.append(disk)
            continue
        volume = await _volume_of(tx, request, disk, decision)
        kept = {k: v for k, v in disk.items() if k not in ("volume_size", "volume_type")}
        disks.append(kept | {"source_type": "volume", "uuid": volume.id})
        entry = {"volumeId": volume.id, "delete_on_termination": disk["delete_on_termination"], "tag": disk.get("tag")}
        attached.append(entry | {"attachment_id": str(uuid4()), "bdm_uuid": str(uuid4())})
        await volumes.reserve_attach(tx, volume, server_id, attached[-1]["attachment_id"], request.now)
    return disks, attached


async def _volume_of(tx: Transaction, request: Boot, disk: Disk, decision: Decision) -> Resource:
    if disk["source_type"] == "volume":
        return await volumes.for_server(tx, disk["uuid"], request.caller.project_id, decision.binding.backend_id)
    origin = {"image": "imageRef", "snapshot": "snapshot_id"}.get(disk["source_type"])
    wanted = {"name": "", "size": disk.get("volume_size"), "availability_zone": decision.binding.availability_zone}
    wanted |= {"volume_type": disk.get("volume_type")} | ({origin: disk["uuid"]} if origin else {})
    try:
        return await volume_creates.create(tx, request.caller, wanted, [decision.binding], request.now)
    except OverQuota as over:
        raise OverQuota(over.message, status=403) from over
    except NotFound as unknown:
        raise Invalid(unknown.message) from unknown


async def _plug(tx: Transaction, request: Boot, decision: Decision, server_id: str, item: dict[str, Any]) -> Resource:
    """Its port on one network. Neutron's refusals become Nova's."""
    binding, caller = decision.binding, request.caller
    try:
        return await ports.plug(
            tx, caller, item, server_id, caller.project_id,
            binding, _groups_named(request), request.now,
        )  # fmt: skip
    except OverQuota as over:
        raise Forbidden("Maximum number of ports exceeded") from over
    except Refusal as refusal:
        if refusal.kind == "IpAddressGenerationFailure":
            raise Invalid(f"No fixed IP addresses available for network: {item.get('uuid')}") from refusal
        raise


def _groups_named(request: Boot) -> list[str]:
    groups = request.server.get("security_groups") or ()
    return list(dict.fromkeys(group["name"] for group in groups if group.get("name")))


def _needs(found: Found, spec: Mapping[str, Any], plugged: Sequence[Resource], backend_id: str) -> list[Key]:
    """What must be on the backend before the server can be."""
    wanted: list[Key] = [(Kind.PORT, port.id) for port in plugged]
    parents = [port.spec["trunk_details"] for port in plugged if port.spec.get("trunk_details")]
    wanted += [(Kind.TRUNK, trunk["trunk_id"]) for trunk in parents]
    wanted += [(Kind.VOLUME, volume["volumeId"]) for volume in spec["volumes"]]
    wanted += [(Kind.IMAGE, found.image.id)] if found.image and not _of_volumes(found.image) else []
    wanted += [(Kind.KEYPAIR, found.keypair.id)] if found.keypair else []
    wanted += [(Kind.SERVER_GROUP, found.group.id)] if found.group else []
    wanted += [(Kind.SERVER, other.id) for other in found.servers if other.backend_id == backend_id]
    return wanted

"""What else is shown of one server: addresses, security groups, and what only its zone can tell."""

from typing import Any

from vregion.api.compute.requests import query
from vregion.api.compute.server_calls import ask, found
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import server_parts as schema
from vregion.model.refusals import NotFound
from vregion.model.resource import Kind, Resource
from vregion.region import ports, resources, servers

routes = Routes()
_PASSWORD = "os_compute_api:os-server-password"  # noqa: S105 - a rule's name
RULES = {
    "os_compute_api:ips:index": "reader",
    "os_compute_api:ips:show": "reader",
    "os_compute_api:os-security-groups:list": "reader",
    "os_compute_api:os-server-diagnostics": "admin",
    "compute:server:topology:index": "reader",
    f"{_PASSWORD}:show": "reader",
    f"{_PASSWORD}:clear": "member",
}


def _addresses(server: Resource) -> dict[str, list[dict[str, Any]]]:
    """Network -> addresses, without what the servers' own document says beside them."""
    known = servers.shown(server)["addresses"]
    return {net: [{"version": one["version"], "addr": one["addr"]} for one in ips] for net, ips in known.items()}


@routes.get("/servers/{id}/ips", policy="os_compute_api:ips:index")
async def addresses(call: Call) -> Reply:
    """By network."""
    query(call, schema.NO_QUERY)
    return Reply({"addresses": _addresses(await found(call))})


@routes.get("/servers/{id}/ips/{network}", policy="os_compute_api:ips:show")
async def addresses_of_network(call: Call) -> Reply:
    """Of one network, by its name."""
    query(call, schema.NO_QUERY)
    known, name = _addresses(await found(call)), call.path["network"]
    if name not in known:
        raise NotFound("Instance is not a member of specified network")
    return Reply({name: known[name]})


@routes.get("/servers/{id}/os-security-groups", policy="os_compute_api:os-security-groups:list")
async def security_groups(call: Call) -> Reply:
    """The groups of its ports, in the form of nova-network."""
    query(call, schema.NO_QUERY)
    server = await found(call)
    async with call.region.read() as tx:
        ids = [group for port in await ports.of_server(tx, server.id) for group in port.spec["security_groups"]]
        known = await resources.find_many(tx, Kind.SECURITY_GROUP, ids)
    return Reply({"security_groups": [_group(group) for group in known.values()]})


def _group(group: Resource) -> dict[str, Any]:
    rules = [rule for rule in group.spec["security_group_rules"] if rule["direction"] == "ingress"]
    return {
        "id": group.id,
        "name": group.name,
        "description": group.spec["description"],
        "tenant_id": group.project_id,
        "rules": [_rule(group, rule) for rule in rules],
    }


def _rule(group: Resource, rule: dict[str, Any]) -> dict[str, Any]:
    """nova 34.0.0 `compute/security_groups.py` _format_security_group_rule."""
    remote, everywhere = rule["remote_group_id"], {"IPv4": "0.0.0.0/0", "IPv6": "::/0"}
    low, high, protocol = rule["port_range_min"], rule["port_range_max"], rule["protocol"]
    if low is None and protocol is not None:
        low, high = (-1, -1) if protocol.upper() in ("ICMP", "ICMPV6") else (1, 65535)
    ranges = {} if remote else {"cidr": rule["remote_ip_prefix"] or everywhere[rule["ethertype"]]}
    return {
        "id": rule["id"],
        "parent_group_id": group.id,
        "ip_protocol": protocol,
        "from_port": low,
        "to_port": high,
        "group": {"name": group.name, "tenant_id": group.project_id} if remote == group.id else {},
        "ip_range": ranges,
    }


@routes.get("/servers/{id}/diagnostics", policy="os_compute_api:os-server-diagnostics")
async def diagnostics(call: Call) -> Reply:
    """As far as the zone lets its own tenants see them."""
    query(call, schema.NO_QUERY)
    answer = await ask(call, await found(call), "get_diagnostics", ("GET", "/diagnostics", None))
    return Reply(answer.body, answer.status)


@routes.get("/servers/{id}/topology", policy="compute:server:topology:index", since="2.78")
async def topology(call: Call) -> Reply:
    """NUMA nodes, as the zone shows them."""
    query(call, schema.NO_QUERY)
    answer = await ask(call, await found(call), "get_topology", ("GET", "/topology", None))
    return Reply(answer.body, answer.status)


@routes.get("/servers/{id}/os-server-password", policy=f"{_PASSWORD}:show")
async def password(call: Call) -> Reply:
    """What the guest has posted to its metadata service, encrypted with its key."""
    query(call, schema.NO_QUERY)
    answer = await ask(call, await found(call), "get_password", ("GET", "/os-server-password", None))
    return Reply(answer.body, answer.status)


@routes.delete("/servers/{id}/os-server-password", policy=f"{_PASSWORD}:clear")
async def clear_password(call: Call) -> Reply:
    """Forget it, in the zone."""
    answer = await ask(call, await found(call), "clear_password", ("DELETE", "/os-server-password", None))
    return Reply(None, answer.status)

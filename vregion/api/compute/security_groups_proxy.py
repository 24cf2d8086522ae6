"""Nova's old view of security groups, until 2.35, and a server's groups, at every microversion. The rows are Neutron's.

Nova knows ingress rules only, and has its own idea of ports (nova 34.0.0 `network/security_group_api.py`).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from vregion.api.compute import requests
from vregion.api.compute.links import LONGEST_PAGE, asked, page_size
from vregion.api.http import Call, Reply, Routes
from vregion.api.schemas.compute import proxies as schema
from vregion.api.schemas.compute.server_parts import NO_QUERY
from vregion.model.refusals import Conflict, Forbidden, Invalid, OverQuota
from vregion.model.resource import Kind, Resource
from vregion.region import ports, resources, security_groups, servers
from vregion.region.regions import Transaction
from vregion.region.resources import Filter, Query

routes = Routes()
_ROOT = "os_compute_api:os-security-groups"
RULES = {
    **{f"{_ROOT}:{name}": "reader" for name in ("get", "show", "list")},
    **{f"{_ROOT}:{name}": "member" for name in ("create", "update", "delete", "rule:create", "rule:delete")},
}
Rule = Mapping[str, Any]
_PORTS = frozenset({"TCP", "UDP"})
_ANYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 (a prefix, no address to listen on)


@routes.get("/os-security-groups", policy=f"{_ROOT}:get", until="2.35")
async def index(call: Call) -> Reply:
    """The project's, by name; all of them for an admin who says so."""
    schema.OFFSET.check(asked(call), call.microversion)
    project_id = None if call.caller.is_admin and "all_tenants" in call.query else call.project_id
    first, size = int(call.query.get("offset", 0)), page_size(call) or LONGEST_PAGE
    query = Query(Kind.SECURITY_GROUP, project_id, [Filter("deleting", False)], (("created_at", True),), first + size)
    await _with_default(call)
    async with call.region.read() as tx:
        found = (await resources.list_resources(tx, query))[first:]
        return Reply({"security_groups": await _groups(tx, found)})


@routes.get("/os-security-groups/{id}", policy=f"{_ROOT}:show", until="2.35")
async def show(call: Call) -> Reply:
    """One."""
    async with call.region.read() as tx:
        (told,) = await _groups(tx, [await security_groups.get(tx, call.caller, _id(call))])
    return Reply({"security_group": told})


@routes.post("/os-security-groups", policy=f"{_ROOT}:create", until="2.35")
async def create(call: Call) -> Reply:
    """As Neutron makes it; what Neutron calls a conflict Nova forbids."""
    wanted = _named(call) | {"stateful": True}
    if wanted["name"].lower() == security_groups.DEFAULT:
        raise Forbidden("Default security group already exists.")
    async with call.region.write() as tx:
        try:
            group = await security_groups.create(tx, call.caller, wanted, datetime.now(UTC))
        except OverQuota as over:
            raise OverQuota(over.message) from over
        (told,) = await _groups(tx, [group])
    return Reply({"security_group": told})


@routes.put("/os-security-groups/{id}", policy=f"{_ROOT}:update", until="2.35")
async def update(call: Call) -> Reply:
    """Name and description, both."""
    wanted = _named(call)
    async with call.region.write() as tx:
        try:
            group = await security_groups.update(tx, call.caller, _id(call), wanted, None, datetime.now(UTC))
        except Conflict as refused:
            raise Invalid(refused.message) from refused
        (told,) = await _groups(tx, [group])
    return Reply({"security_group": told})


@routes.delete("/os-security-groups/{id}", policy=f"{_ROOT}:delete", until="2.35")
async def delete(call: Call) -> Reply:
    """A group in use, and the default one, are bad requests here."""
    async with call.region.write() as tx:
        try:
            await security_groups.delete(tx, call.caller, _id(call), None, datetime.now(UTC))
        except Conflict as refused:
            raise Invalid(refused.message) from refused
    return Reply(status=202)


@routes.post("/os-security-group-rules", policy=f"{_ROOT}:rule:create", until="2.35")
async def create_rule(call: Call) -> Reply:
    """One ingress rule."""
    body = requests.body(call, schema.SECURITY_GROUP_RULE)
    given = body["security_group_rule"]
    async with call.region.write() as tx:
        group = await security_groups.get(tx, call.caller, given["parent_group_id"])
        if given.get("group_id") is not None:
            await security_groups.get(tx, call.caller, given["group_id"])
        wanted = _wanted(given)
        try:
            (made,) = await security_groups.create_rules(tx, call.caller, [wanted], datetime.now(UTC))
        except Conflict as twice:
            raise Invalid(f"This rule already exists in group {group.id}") from twice
        except OverQuota as over:
            raise OverQuota(over.message) from over
        rule = {"id": made.id, "security_group_id": group.id, **made.spec}
        names = await _remote(tx, [rule])
    return Reply({"security_group_rule": _rule(rule, names)})


@routes.delete("/os-security-group-rules/{id}", policy=f"{_ROOT}:rule:delete", until="2.35")
async def delete_rule(call: Call) -> Reply:
    """One rule."""
    async with call.region.write() as tx:
        await security_groups.delete_rule(tx, call.caller, _id(call), datetime.now(UTC))
    return Reply(status=202)


@routes.get("/servers/{id}/os-security-groups", policy=f"{_ROOT}:list")
async def of_server(call: Call) -> Reply:
    """The groups of a server's ports, by name."""
    requests.query(call, NO_QUERY)
    async with call.region.read() as tx:
        server = await servers.get(tx, call.path["id"], None if call.caller.is_admin else call.project_id)
        ids = [group for port in await ports.of_server(tx, server.id) for group in port.spec["security_groups"]]
        found = await resources.find_many(tx, Kind.SECURITY_GROUP, ids)
        return Reply({"security_groups": await _groups(tx, found.values())})


async def _with_default(call: Call) -> None:
    """Every project has its default group; only the first look writes."""
    async with call.region.read() as tx:
        known = await security_groups.find_default(tx, call.project_id)
    if known is None:
        async with call.region.write() as tx:
            await security_groups.default_group(tx, call.caller, datetime.now(UTC))


def _id(call: Call) -> str:
    try:
        UUID(call.path["id"])
    except ValueError as wrong:
        raise Invalid("Security group id should be uuid") from wrong
    return call.path["id"]


def _named(call: Call) -> dict[str, Any]:
    body = requests.body(call, schema.SECURITY_GROUP)
    return {name: body["security_group"][name] for name in ("name", "description")}


async def _groups(tx: Transaction, groups: Iterable[Resource]) -> list[dict[str, Any]]:
    shown = list(groups)
    ingress = {
        group.id: [rule for rule in group.spec["security_group_rules"] if rule["direction"] == "ingress"]
        for group in shown
    }
    names = await _remote(tx, [rule for rules in ingress.values() for rule in rules])
    told = [
        {
            "id": group.id,
            "description": group.spec["description"],
            "name": group.name,
            "tenant_id": group.project_id,
            "rules": [_rule(rule, names) for rule in ingress[group.id]],
        }
        for group in shown
    ]
    return sorted(told, key=lambda group: (group["tenant_id"], group["name"]))


async def _remote(tx: Transaction, rules: Iterable[Rule]) -> dict[str, Resource]:
    ids = [rule["remote_group_id"] for rule in rules if rule["remote_group_id"]]
    return await resources.find_many(tx, Kind.SECURITY_GROUP, ids)


def _rule(rule: Rule, names: Mapping[str, Resource]) -> dict[str, Any]:
    low, high, protocol = rule["port_range_min"], rule["port_range_max"], rule["protocol"]
    if protocol and low is None and high is None:
        low, high = (1, 65535) if protocol.upper() in _PORTS else (-1, -1)
    source = names.get(rule["remote_group_id"] or "")
    return {
        "id": rule["id"],
        "parent_group_id": rule["security_group_id"],
        "ip_protocol": protocol,
        "from_port": low,
        "to_port": high,
        "group": {"name": source.name, "tenant_id": source.project_id} if source else {},
        "ip_range": {} if source else {"cidr": rule["remote_ip_prefix"] or "0.0.0.0/0"},
    }


def _wanted(given: Mapping[str, Any]) -> dict[str, Any]:
    """Neutron's rule. Raises Invalid in Nova's words."""
    group_id = given.get("group_id")
    cidr = None if group_id else _cidr(given.get("cidr"))
    protocol, low, high = given.get("ip_protocol"), given.get("from_port"), given.get("to_port")
    if group_id and protocol and low is None and high is None:
        low, high = (1, 65535) if str(protocol).upper() in _PORTS else (-1, -1)
    if protocol and low is not None and high is not None:
        protocol = str(protocol)
        low, high = _range(protocol, low, high)
    elif group_id:
        protocol = low = high = None
    else:
        raise Invalid("Not enough parameters to build a valid rule.")
    return {
        "direction": "ingress",
        "ethertype": "IPv6" if cidr and ":" in cidr else "IPv4",
        "protocol": protocol.lower() if protocol else None,
        "port_range_min": None if low == -1 else low,
        "port_range_max": None if high == -1 else high,
        "remote_ip_prefix": cidr,
        "remote_group_id": group_id,
        "security_group_id": given["parent_group_id"],
    }


def _cidr(given: Any) -> str:
    if not given:
        return "0.0.0.0/0"
    text = unquote(str(given))
    try:
        network = ip_network(text, strict=False)
    except ValueError as wrong:
        raise Invalid(f"{text} is not a valid IP network.") from wrong
    if "/" not in text:
        raise Invalid(f"{text} is not a valid IP network.")
    if network.prefixlen == 0 and text.partition("/")[0] not in _ANYWHERE:
        raise Invalid(f"Bad prefix for network in cidr {text}")
    return text


def _range(protocol: str, low: Any, high: Any) -> tuple[int, int]:
    kind = protocol.upper()
    try:
        low, high = int(low), int(high)
    except (TypeError, ValueError) as wrong:
        words = "Type and Code must be integers for ICMP protocol type" if kind == "ICMP" else None
        raise Invalid(f"Invalid input received: {words or 'To and From ports must be integers'}") from wrong
    if kind not in _PORTS and kind != "ICMP":
        raise Invalid(f"Invalid IP protocol {protocol}.")
    bad = f"Invalid port range {low}:{high}. "
    if kind in _PORTS and low > high:
        raise Invalid(bad + "Former value cannot be greater than the later")
    if kind in _PORTS and (low < 1 or high > 65535):
        raise Invalid(bad + f"Valid {kind} ports should be between 1-65535")
    if kind == "ICMP" and not (-1 <= low <= 255 and -1 <= high <= 255):
        raise Invalid(bad + "For ICMP, the type:code must be valid")
    return low, high

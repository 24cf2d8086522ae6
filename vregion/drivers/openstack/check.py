"""What one OpenStack cloud offers to one credential, for `backend check`.

Called by the driver. Reads only. The capabilities that it names:
  server.*                    fields of a server (servers.py), as far as both sides' microversions have them
  server.changes              Nova tells what changed since a time, deletions included
  volume.extend.attached      a volume can grow while it is attached (Cinder 3.42)
  network.<extension alias>   one for each Neutron extension that vregion makes use of
  network.external            there is a network to the outside with an IPv4 subnet (its subnets must be visible)
  network.segments            this credential may choose the segments of provider networks (role admin)
  flavor.create               ... may make flavors (role admin)
  project.open                ... may make projects in its domain (role admin, or manager of a domain)
"""

from collections.abc import Mapping
from typing import Any

from vregion.drivers.contract import Report, Unsupported
from vregion.drivers.openstack.qos_policies import types_of
from vregion.drivers.openstack.servers import DEVICE_TAG, DEVICE_TYPE, FIELDS, FULL_NAME, NO_NETWORK
from vregion.drivers.openstack.service import Service, Window
from vregion.model.microversion import Microversion

_EXTEND_ATTACHED = Window("volume.extend.attached", Microversion(3, 42))
# Without these vregion cannot work: the mark lies in a description, groups and addresses are what a boot needs.
_NEEDED = ("security-group", "standard-attr-description", "port-security", "allowed-address-pairs")
_SPECS_SHOWN = ("multiattach", "replication_enabled")
_USED = (
    *_NEEDED, "address-group", "dns-integration", "external-net", "external-gateway-multihoming", "extra_dhcp_opt",
    "extraroute-atomic", "floating-ip-port-forwarding", "net-mtu", "provider", "qos", "router",
    "security-groups-remote-address-group", "trunk",
)  # fmt: skip


async def report(services: Mapping[str, Service]) -> Report:
    """Asks each service; one that is not there is named in `missing`, one that is ill raises `Transient`."""
    found: dict[str, dict[str, Any]] = {}
    missing: list[str] = []
    external: list[dict[str, Any]] = []
    for name, service in services.items():
        try:
            version, newest = await service.versions()
        except Unsupported as error:
            missing.append(error.message)
            continue
        found[name] = {"version": version, "microversion": str(newest) if newest else None}
    present = {name: service for name, service in services.items() if name in found}
    capabilities = await _capabilities(present)
    if "network" in present:
        aliases = await _extensions(present["network"])
        found["network"]["extensions"] = sorted(aliases)
        found["network"]["qos_rule_types"] = await _qos_rule_types(present["network"]) if "qos" in aliases else {}
        capabilities |= {f"network.{alias}" for alias in _USED if alias in aliases}
        external = await _external(present["network"])
        capabilities |= {"network.external"} if external else set()
        missing += [f"network extension {alias}" for alias in _NEEDED if alias not in aliases]
    if "volume" in present:
        found["volume"]["types"] = await _volume_types(present["volume"])
        found["volume"]["qos"] = await _volume_qos(present["volume"])
    if "compute" in present and NO_NETWORK.capability not in capabilities:
        missing.append(f"compute microversion {NO_NETWORK.first}")
    return Report(found, frozenset(capabilities), await _limits(present), missing, external)


async def _capabilities(services: Mapping[str, Service]) -> set[str]:
    """From microversions and from the roles of our token."""
    found: set[str] = set()
    if compute := services.get("compute"):
        windows = [window for _, window in FIELDS] + [NO_NETWORK, DEVICE_TAG, DEVICE_TYPE, FULL_NAME]
        found |= {"server.changes"} | {window.capability for window in windows if await compute.knows(window)}
    if (volume := services.get("volume")) and await volume.knows(_EXTEND_ATTACHED):
        found.add(_EXTEND_ATTACHED.capability)
    token = await services["identity"].session.token()
    if "admin" in token.roles:
        found |= {"flavor.create", "network.segments", "project.open"}
    if "manager" in token.roles and token.project_id is None:
        found.add("project.open")
    return found


async def _extensions(network: Service) -> set[str]:
    reply = await network.send("GET", "/extensions", params=[("fields", "alias")])
    return {extension["alias"] for extension in reply.part("extensions")}


async def _qos_rule_types(network: Service) -> dict[str, list[Any]]:
    """Types of QoS rules that all of the cloud's drivers carry out; what they say of one, they say to an admin."""
    found = (await network.send("GET", "/qos/rule-types")).part("rule_types")
    for one in found:
        reply = await network.exchange("GET", f"/qos/rule-types/{one['type']}")
        one |= reply.part("rule_type") if reply.status == 200 else {}
    return types_of(found)


async def _volume_types(volume: Service) -> list[dict[str, Any]]:
    """What every project may choose, with the extra specs that a tenant sees (cinder policies/type_extra_specs.py).

    Cinder tells a project only: a credential for a domain sees none.
    """
    if (await volume.session.token()).project_id is None:
        return []
    told = (await volume.send("GET", "/types", params=[("is_public", "true")])).part("volume_types")
    return [
        {
            "name": one["name"],
            "description": one.get("description"),
            "extra_specs": {k: v for k, v in one.get("extra_specs", {}).items() if k in _SPECS_SHOWN},
        }
        for one in told
        if one.get("is_public", True) and not one["name"].startswith("__")
    ]


async def _volume_qos(volume: Service) -> dict[str, dict[str, Any]]:
    """The QoS of types, by the types' names: Cinder tells administrators of a project alone."""
    token = await volume.session.token()
    if token.project_id is None or "admin" not in token.roles:
        return {}
    reply = await volume.exchange("GET", "/qos-specs")
    told = reply.part("qos_specs") if reply.status == 200 else []
    specs = {one["id"]: {name: one[name] for name in ("name", "consumer", "specs")} for one in told}
    types = (await volume.send("GET", "/types")).part("volume_types") if specs else []
    return {one["name"]: specs[one["qos_specs_id"]] for one in types if one.get("qos_specs_id") in specs}


async def _external(network: Service) -> list[dict[str, Any]]:
    """Networks to the outside, with their subnets; those that show no IPv4 subnet are of no use to anybody."""
    found = (await network.send("GET", "/networks", params=[("router:external", "true")])).part("networks")
    on = [("network_id", one["id"]) for one in found]
    subnets = (await network.send("GET", "/subnets", params=on)).part("subnets") if on else []
    for one in found:
        one["subnets"] = [subnet for subnet in subnets if subnet["network_id"] == one["id"]]
    return [one for one in found if any(subnet["ip_version"] == 4 for subnet in one["subnets"])]


async def _limits(services: Mapping[str, Service]) -> dict[str, int]:
    """Under the services' own names: compute.maxTotalInstances, volume.maxTotalVolumes, network.port; -1: none.

    They are a project's: a credential for a domain has none.
    """
    found: dict[str, int] = {}
    project = (await services["identity"].session.token()).project_id
    if project is None:
        return found
    for name in ("compute", "volume"):
        if name in services:
            limits = (await services[name].send("GET", "/limits")).part("limits")
            found |= {f"{name}.{key}": value for key, value in limits["absolute"].items()}
    if "network" in services:
        quota = (await services["network"].send("GET", f"/quotas/{project}")).part("quota")
        found |= {f"network.{key}": value for key, value in quota.items() if isinstance(value, int)}
    return found

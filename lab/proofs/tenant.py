"""One region as the network proofs use it: Neutron and Nova calls as demo, and as the admin where that is needed.

It remembers what it made and deletes that in the end. A refused call is an exception with the service's answer, for
some proofs are about what is refused.
"""

import json
from typing import Any

from lab.cloud import Cloud
from lab.proofs.probes import until
from lab.regions import Region

ICMP = {"protocol": "icmp"}
WEB = {"protocol": "tcp", "port_range_min": 80, "port_range_max": 80}
SINGULAR = {"rbac-policies": "rbac_policy"}


class Refused(Exception):
    """Neutron said no: the status and its fault."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status} {body[:300]}")
        self.status = status


class Tenant:
    """Project demo in one region."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.admin = Cloud(region).login()
        self.demo = Cloud(region, "demo", "demo").login()
        self.project = self.demo.project_id
        self.made: list[tuple[str, str]] = []
        images = self.demo("glance", "GET", f"/v2/images?name={region.profile.image}")["images"]
        self.image = images[0]["id"]
        self.outside = self.call("GET", f"networks?name={region.profile.external}")[0]["id"]

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, admin: bool = False) -> Any:
        """One Neutron call; `body` without its wrapper, unless the path names an action."""
        kind = path.split("?")[0].split("/")[0]
        action = path.count("/") == 2
        if body is not None and not action:
            body = {SINGULAR.get(kind, kind[:-1].replace("-", "_")): body}
        cloud = self.admin if admin else self.demo
        status, _, content = cloud.raw("neutron", method, f"/v2.0/{path}", body)
        if status >= 400:
            raise Refused(status, content.decode())
        answer: Any = json.loads(content) if content else None
        if isinstance(answer, dict) and len(answer) == 1:
            (answer,) = answer.values()
        if method == "POST" and path == kind:
            self.made.append((kind, answer["id"]))
        return answer

    def make(self, kind: str, admin: bool = False, **body: Any) -> Any:
        return self.call("POST", kind, body, admin)

    def change(self, path: str, admin: bool = False, **body: Any) -> Any:
        return self.call("PUT", path, body, admin)

    def show(self, path: str) -> Any:
        return self.call("GET", path)

    def vlan(self, name: str, segment: int) -> str:
        """A network on the interconnect: the admin makes it for the tenant."""
        provider = {
            "provider:network_type": "vlan",
            "provider:physical_network": self.region.profile.vlan,
            "provider:segmentation_id": segment,
        }
        return str(self.make("networks", True, name=name, project_id=self.project, **provider)["id"])

    def network(self, name: str, cidr: str) -> tuple[str, str]:
        network = str(self.make("networks", name=name)["id"])
        return network, self.subnet(network, cidr)

    def subnet(self, network: str, cidr: str, **more: Any) -> str:
        return str(self.make("subnets", network_id=network, ip_version=4, cidr=cidr, **more)["id"])

    def port(self, network: str, group: str = "", address: str = "", **more: Any) -> tuple[str, str]:
        """A port's id and address."""
        if address:
            more["fixed_ips"] = [{"ip_address": address}]
        if group:
            more["security_groups"] = [group]
        made = self.make("ports", network_id=network, **more)
        return made["id"], made["fixed_ips"][0]["ip_address"]

    def group(self, name: str, *rules: dict[str, Any]) -> str:
        made = str(self.make("security-groups", name=name)["id"])
        for rule in rules:
            self.rule(made, **rule)
        return made

    def rule(self, group: str, **what: Any) -> str:
        settings = {"direction": "ingress", "ethertype": "IPv4", "security_group_id": group, **what}
        return str(self.make("security-group-rules", **settings)["id"])

    def router(self, name: str, *subnets: str, outside: bool = False) -> str:
        gateway: dict[str, Any] = {"external_gateway_info": {"network_id": self.outside}} if outside else {}
        made = str(self.make("routers", name=name, **gateway)["id"])
        for subnet in subnets:
            self.attach(made, subnet_id=subnet)
        return made

    def attach(self, router: str, **what: str) -> None:
        self.call("PUT", f"routers/{router}/add_router_interface", dict(what))

    def set_routes(self, router: str, routes: dict[str, str]) -> None:
        listed = [{"destination": prefix, "nexthop": hop} for prefix, hop in routes.items()]
        self.change(f"routers/{router}", routes=listed)

    def gateway(self, router: str) -> str:
        info = self.show(f"routers/{router}")["external_gateway_info"]
        return str(info["external_fixed_ips"][0]["ip_address"])

    def floating_ip(self, port: str) -> tuple[str, str]:
        made = self.make("floatingips", floating_network_id=self.outside, port_id=port)
        return made["id"], made["floating_ip_address"]

    def server(self, name: str, port: str) -> str:
        flavor = min(self.region.profile.flavors, key=lambda one: one.ram).id
        body = {"name": name, "flavorRef": flavor, "imageRef": self.image, "networks": [{"port": port}]}
        made = str(self.demo("nova", "POST", "/v2.1/servers", {"server": body})["server"]["id"])
        self.made.append(("servers", made))
        return made

    def state(self, server: str) -> str:
        return str(self.demo("nova", "GET", f"/v2.1/servers/{server}")["server"]["status"])

    def active(self, *servers: str) -> None:
        for server in servers:
            until(lambda one=server: self.state(one) in ("ACTIVE", "ERROR"), 90)  # type: ignore[misc]
            if self.state(server) != "ACTIVE":
                raise SystemExit(f"{self.region.name}: server {server} is {self.state(server)}")

    def act(self, server: str, body: dict[str, Any]) -> Any:
        return self.demo("nova", "POST", f"/v2.1/servers/{server}/action", body)

    def clean(self) -> list[str]:
        """Delete all that was made, servers first, what others hang on last; what could not be deleted."""
        servers = [made for kind, made in self.made if kind == "servers"]
        for server in servers:
            self.demo.raw("nova", "DELETE", f"/v2.1/servers/{server}")
        for server in servers:
            until(lambda one=server: self.demo.raw("nova", "GET", f"/v2.1/servers/{one}")[0] == 404)  # type: ignore[misc]
        for kind, made in self.made:
            if kind == "floatingips":
                self.admin.raw("neutron", "DELETE", f"/v2.0/floatingips/{made}")
        for kind, made in self.made:
            if kind == "routers":
                self.empty(made)
        rest = [(kind, made) for kind, made in reversed(self.made) if kind not in ("servers", "floatingips")]
        rest.sort(key=lambda item: item[0] in ("security-groups", "address-groups"))
        self.made, left = [], []
        for kind, made in rest:
            status, _, content = self.admin.raw("neutron", "DELETE", f"/v2.0/{kind}/{made}")
            if status not in (204, 404):
                left.append(f"{self.region.name} {kind} {made}: {status} {content[:200]!r}")
        return left

    def empty(self, router: str) -> None:
        """Routes and interfaces go before the router."""
        self.set_routes(router, {})
        owners = f"device_id={router}&device_owner=network:router_interface"
        for port in self.show(f"ports?{owners}"):
            self.call("PUT", f"routers/{router}/remove_router_interface", {"port_id": port["id"]})

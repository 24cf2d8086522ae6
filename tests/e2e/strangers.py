"""What somebody else has in a tenant's own project in a zone: one of each kind that Neutron keeps, and how it looks.

The provider's administrator makes it, beside vregion and under the same names and prefixes. `conftest.strangers` has it
there while a file's tests run, and compares afterwards: whatever vregion did meanwhile, none of it may have changed.
"""

from dataclasses import dataclass
from typing import Any

from tests.e2e.cloud import Cloud

NAME = "stage"
CHANGING = (
    "updated_at",
    "revision_number",
    "status",
    "port_details",
    "availability_zones",
)  # what a zone's own agents change
WORDS = {"policies": "policy", "address-groups": "address_group", "security-groups": "security_group"}


@dataclass(frozen=True)
class Strangers:
    """`made`: (path, id), in the order of their making."""

    cloud: Cloud
    made: list[tuple[str, str]]

    def make(self, path: str, **fields: Any) -> Any:
        """A new one."""
        word = singular(path)
        made = self.cloud.call("network", "POST", f"/{path}", {word: fields})[word]
        self.made.append((path, made["id"]))
        return made

    def seen(self) -> dict[tuple[str, str], Any]:
        """All of them now, without what changes by itself."""
        found = {}
        for path, name in self.made:
            shown = self.cloud.call("network", "GET", f"/{path}/{name}")[singular(path)]
            found[path, name] = {key: value for key, value in shown.items() if key not in CHANGING}
        return found

    def end(self) -> None:
        """Nothing of it is left."""
        for path, name in reversed(self.made):
            if path == "routers":
                self.cloud.call("network", "PUT", f"/routers/{name}", {"router": {"routes": []}})
                for port in self.cloud.listed("port", f"?device_id={name}&device_owner=network:router_interface"):
                    there = {"port_id": port["id"]}
                    self.cloud.call("network", "PUT", f"/routers/{name}/remove_router_interface", there)
            self.cloud.call("network", "DELETE", f"/{path}/{name}")


def singular(path: str) -> str:
    word = path.rpartition("/")[2]
    return WORDS.get(word, word[:-1].replace("-", "_"))


def settle(cloud: Cloud) -> Strangers:
    """One of each kind, in the project that the cloud speaks for."""
    some = Strangers(cloud, [])
    policy = some.make("qos/policies", name=NAME)["id"]
    cloud.call(
        "network", "POST", f"/qos/policies/{policy}/bandwidth_limit_rules", {"bandwidth_limit_rule": {"max_kbps": 9000}}
    )
    group = some.make("security-groups", name=NAME)["id"]
    members = some.make("address-groups", name=NAME, addresses=["10.40.1.0/24"])["id"]
    rule = {"security_group_id": group, "direction": "ingress", "protocol": "tcp", "ethertype": "IPv4"}
    some.make("security-group-rules", **rule, remote_address_group_id=members)
    network = some.make("networks", name=f"{NAME}-az1")["id"]
    subnet = some.make("subnets", network_id=network, ip_version=4, cidr="10.40.1.0/24", name=f"{NAME}-az1-v4")["id"]
    port = some.make("ports", network_id=network, name=NAME, security_groups=[group], qos_policy_id=policy)
    some.make("trunks", port_id=port["id"], name=NAME)
    outside = cloud.listed("network", "?router:external=true")[0]
    router = some.make("routers", name=NAME, external_gateway_info={"network_id": outside["id"]})["id"]
    cloud.call("network", "PUT", f"/routers/{router}/add_router_interface", {"subnet_id": subnet})
    address = port["fixed_ips"][0]["ip_address"]
    routes = {"router": {"routes": [{"destination": "10.40.2.0/24", "nexthop": address}]}}
    cloud.call("network", "PUT", f"/routers/{router}", routes)
    some.make("floatingips", floating_network_id=outside["id"], port_id=port["id"])
    return some

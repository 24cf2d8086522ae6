"""What a fresh region holds: users, roles, endpoints, flavors, an image, an outside network, a volume type.

`up --cold` calls it over the services' own APIs. Users: admin in project admin; in project demo manager, demo
(member) and reader, one for each persona of the default policies. Names come from the region's profile.
"""

import os
from typing import Any

from lab.cloud import Cloud
from lab.regions import Region

ENDPOINTS = (
    ("glance", "image"),
    ("placement", "placement"),
    ("nova", "compute"),
    ("neutron", "network"),
    ("cinder", "block-storage"),
)
PERSONAS = {"manager": "manager", "demo": "member", "reader": "reader"}


class Identity:
    """Keystone calls of the bootstrap."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.cloud = Cloud(region).login()
        self.roles = {role["name"]: role["id"] for role in self.call("GET", "/roles")["roles"]}

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self.cloud("keystone", method, f"/v3{path}", body)

    def project(self, name: str) -> str:
        body = {"project": {"name": name, "domain_id": "default"}}
        return str(self.call("POST", "/projects", body)["project"]["id"])

    def user(self, name: str, project: str, roles: tuple[str, ...]) -> None:
        user = {"name": name, "password": self.region.password, "domain_id": "default", "default_project_id": project}
        user_id = self.call("POST", "/users", {"user": user})["user"]["id"]
        for role in roles:
            self.call("PUT", f"/projects/{project}/users/{user_id}/roles/{self.roles[role]}")

    def endpoint(self, name: str, kind: str) -> None:
        service = self.call("POST", "/services", {"service": {"name": name, "type": kind}})["service"]["id"]
        for interface in ("public", "internal", "admin"):
            place = {"service_id": service, "interface": interface, "region_id": self.region.name}
            self.call("POST", "/endpoints", {"endpoint": {**place, "url": self.region.url(name)}})


def identity(region: Region) -> None:
    keystone = Identity(region)
    service = keystone.project("service")
    for name in ("glance", "nova", "neutron", "cinder", "placement"):
        keystone.user(name, service, ("admin", "service"))
    demo = keystone.project("demo")
    for name, role in PERSONAS.items():
        keystone.user(name, demo, (role,))
    for name, kind in ENDPOINTS:
        keystone.endpoint(name, kind)


def resources(region: Region) -> None:
    cloud = Cloud(region).login()
    flavors(cloud)
    image(cloud)
    external_network(cloud)
    volume_type = {"name": region.profile.volume_type, "extra_specs": {"volume_backend_name": "files"}}
    cloud("cinder", "POST", "/v3/types", {"volume_type": volume_type})


def flavors(cloud: Cloud) -> None:
    for flavor in cloud.region.profile.flavors:
        shape = {"ram": flavor.ram, "disk": flavor.disk, "vcpus": flavor.vcpus}
        cloud("nova", "POST", "/v2.1/flavors", {"flavor": {"id": flavor.id, "name": flavor.name, **shape}})
        if flavor.extra_specs:
            path = f"/v2.1/flavors/{flavor.id}/os-extra_specs"
            cloud("nova", "POST", path, {"extra_specs": flavor.extra_specs})


def image(cloud: Cloud) -> None:
    """One MiB of random bytes: no two regions have the same."""
    about = {"name": cloud.region.profile.image, "disk_format": "raw", "container_format": "bare"}
    made = cloud("glance", "POST", "/v2/images", {**about, "visibility": "public"})
    cloud("glance", "PUT", f"/v2/images/{made['id']}/file", os.urandom(1 << 20))


def external_network(cloud: Cloud) -> None:
    region = cloud.region
    provider = {"provider:network_type": "flat", "provider:physical_network": region.profile.flat}
    network = {"name": region.profile.external, "router:external": True, "shared": False, **provider}
    made = cloud("neutron", "POST", "/v2.0/networks", {"network": network})["network"]
    subnet = {
        "name": f"{region.profile.external}-v4",
        "network_id": made["id"],
        "ip_version": 4,
        "enable_dhcp": False,
        "cidr": region.external_cidr,
        "gateway_ip": region.external_gateway,
    }
    cloud("neutron", "POST", "/v2.0/subnets", {"subnet": subnet})

"""A Tempest workspace for a virtual region: pre-provisioned accounts with the personas that Tempest 47 wants.

Each project has members, readers and managers, and a network with a way out, since a suite that names no network must
find one. There are two of each persona: Tempest's workers choose alike, and two of them may be in one project. Before
them in the file are projects of one member each: a test's second tenant is the first account that is free, its first
one of a project with most personas (47.0.0 `lib/common/preprov_creds.py` _get_creds, _get_match_hash_list). The suite
itself is unmodified; only its configuration says what is there.
"""

import asyncio
import subprocess
import uuid
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from lab.configuration import Section, render
from lab.regions import known_one
from lab.settings import BIN as LAB_BIN
from lab.tempest import COMPUTE_FEATURES, validation
from tests.e2e.cloud import Cloud
from tests.e2e.rig import PASSWORD, Rig
from vregion.identity.client import Identity, PasswordCredential
from vregion.identity.tenants import ensure_project, ensure_user

PROJECTS = 6
STRANGERS = 4
TWINS = 2
PERSONAS = {"member": ["member"], "reader": ["reader"], "manager": ["manager", "member"], "admin": ["admin", "member"]}


@dataclass
class Workspace:
    """`zone` '': requests name no zone. `alone`: Tempest makes the accounts itself, a project for each suite, as it has
    it on a bare region, but no networks there.
    """

    rig: Rig
    folder: Path
    zone: str
    alone: bool = False

    def write(self) -> Path:
        """Make accounts, networks, an image and the configuration; the workspace's folder."""
        self.mark = uuid.uuid4().hex[:6]
        (self.outside,) = self.rig.tenant().listed("network", "?router:external=true")
        accounts = asyncio.run(self._accounts())
        for account in accounts:
            if account["username"].endswith("-member0"):
                self._network(account)
        administrator = self._cloud(next(account for account in accounts if "types" in account))
        environ = {"HOME": str(self.folder.parent), "PATH": "/usr/bin:/bin"}
        register = f"{self.folder}.yaml"
        command = [str(LAB_BIN / "tempest"), "init", "--workspace-path", register, str(self.folder)]
        subprocess.run(command, check=True, capture_output=True, env=environ)
        (self.folder / "accounts.yaml").write_text(yaml.safe_dump(accounts))
        (self.folder / "etc" / "tempest.conf").write_text(render(self._sections(administrator)))
        return self.folder

    async def _accounts(self) -> list[dict[str, Any]]:
        """Projects and users in acme's domain."""
        accounts = []
        async with Identity(self.rig.keystone_url, PasswordCredential("admin", PASSWORD), timeout=60) as identity:
            domain = self.domain_id = (await identity.request("GET", "/domains?name=acme"))["domains"][0]["id"]
            roles = {r["name"]: r["id"] for r in (await identity.request("GET", "/roles"))["roles"]}
            for number in range(-STRANGERS, PROJECTS):
                project = f"t{self.mark}-{number}" if number >= 0 else f"t{self.mark}-stranger{-number}"
                project_id = await ensure_project(identity, domain, project)
                here = product(PERSONAS.items(), range(TWINS)) if number >= 0 else [(("member", ["member"]), 0)]
                for (persona, names), twin in here:
                    user = f"{project}-{persona}{twin}"
                    user_id, _ = await ensure_user(identity, domain, user, PASSWORD)
                    for role in names:
                        await identity.request("PUT", f"/projects/{project_id}/users/{user_id}/roles/{roles[role]}")
                    accounts.append(self._account(user, project, persona, names))
        return accounts

    def _account(self, user: str, project: str, persona: str, roles: list[str]) -> dict[str, Any]:
        account: dict[str, Any] = {
            "username": user,
            "password": PASSWORD,
            "project_name": project,
            "domain_name": "acme",
            "user_domain_name": "acme",
            "project_domain_name": "acme",
            "roles": roles,
            "resources": {"network": f"net-{project}"},
        }
        if persona == "admin":
            account["types"] = ["admin"]
        return account

    def _cloud(self, account: dict[str, Any]) -> Cloud:
        auth = {"auth_url": self.rig.keystone_url} | {k: v for k, v in account.items() if isinstance(v, str)}
        return Cloud(auth, "vregion")

    def _network(self, account: dict[str, Any]) -> None:
        cloud = self._cloud(account)
        network = cloud.network(account["resources"]["network"], "10.90.0.0/22")
        (subnet,) = cloud.show("network", network)["subnets"]
        outside = {"network_id": self.outside["id"]}
        wish = {"router": {"name": account["resources"]["network"], "external_gateway_info": outside}}
        router = cloud.call("network", "POST", "/routers", wish)["router"]["id"]
        cloud.call("network", "PUT", f"/routers/{router}/add_router_interface", {"subnet_id": subnet})

    def _image(self, cloud: Cloud) -> str:
        """One that every project lists, as the bare region's is."""
        image = cloud.image(f"t{self.mark}", b"t" * 65536)
        patch = [{"op": "replace", "path": "/visibility", "value": "public"}]
        media = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
        cloud.call("image", "PATCH", f"/images/{image}", patch, headers=media)
        return image

    def _first_zone(self, cloud: Cloud) -> str:
        """The external network has a subnet per zone: that of the zone which serves when none is named."""
        (found,) = cloud.listed("subnet", f"?cidr={known_one(1).external_cidr}&network_id={self.outside['id']}")
        return str(found["id"])

    def _credentials(self) -> Section:
        """Accounts that are there, or the administrator who makes them in the tenant's domain."""
        if not self.alone:
            return {"use_dynamic_credentials": "false", "test_accounts_file": str(self.folder / "accounts.yaml")}
        return {
            "use_dynamic_credentials": "true",
            "admin_username": f"t{self.mark}-0-admin0",
            "admin_password": PASSWORD,
            "admin_project_name": f"t{self.mark}-0",
            "admin_domain_name": "acme",
        }

    def _sections(self, cloud: Cloud) -> dict[str, Section]:
        """Tempest's configuration; `cloud` is an administrator's."""
        image = self._image(cloud)
        flavors = [f["id"] for f in cloud.call("compute", "GET", "/flavors?sort_key=memory_mb")["flavors"]]
        extensions = ",".join(e["alias"] for e in cloud.call("network", "GET", "/extensions")["extensions"])
        place: Section = {"region": "vregion", "build_interval": 1}
        compute: Section = {
            **place,
            "image_ref": image,
            "image_ref_alt": image,
            "flavor_ref": flavors[0],
            "flavor_ref_alt": flavors[1],
            "min_microversion": "2.1",
            "max_microversion": "2.104",
        }
        if self.zone:
            compute["compute_volume_common_az"] = self.zone
        return {
            "DEFAULT": {"log_file": "tempest.log", "debug": "false"},
            "auth": {"tempest_roles": "member", "create_isolated_networks": "false", **self._credentials()},
            "identity": {
                "uri_v3": self.rig.keystone_url,
                "auth_version": "v3",
                "region": "vregion",
                "default_domain_id": self.domain_id,
            },
            "compute": compute,
            "compute-feature-enabled": COMPUTE_FEATURES,
            "validation": validation(known_one(1)),
            "network": {
                **place,
                "public_network_id": self.outside["id"],
                "floating_network_name": self.outside["name"],
                "subnet_id": self._first_zone(cloud),
            },
            "network-feature-enabled": {"api_extensions": extensions, "ipv6": "true", "ipv6_subnet_attributes": "true"},
            "volume": {**place, "catalog_type": "block-storage", "storage_protocol": "nfs", "max_microversion": "3.71"},
            "volume-feature-enabled": {"backup": "true", "snapshot": "true"},
            "image": {"region": "vregion"},
            "service_available": {"swift": "false", "horizon": "false"},
        }

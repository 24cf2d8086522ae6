"""The flavors that one OpenStack cloud offers to our credential, and making one where the credential may.

Called by the driver. A flavor is what it is: matching by name or id is not done here.
"""

from collections.abc import Sequence
from typing import Any

from vregion.drivers.contract import DriverError, Flavor
from vregion.drivers.openstack.collection import Resources
from vregion.drivers.openstack.marks import InName
from vregion.drivers.openstack.service import Service, Window
from vregion.model.microversion import Microversion

_SPECS_SHOWN = Window("flavor.extra_specs", Microversion(2, 61))


class Flavors(Resources):
    """Nova's flavors; never realized as rows are, so that only their listing is used."""

    word = "flavor"
    path = "/flavors"
    list_path = "/detail"
    mark = InName()


async def listed(compute: Service) -> Sequence[Flavor]:
    """All flavors that the credential may use, with their extra specs."""
    documents = [item async for _, page in Flavors(compute).pages() for item in page]
    if not await compute.knows(_SPECS_SHOWN):
        for document in documents:
            reply = await compute.send("GET", f"/flavors/{document['id']}/os-extra_specs")
            document["extra_specs"] = reply.part("extra_specs")
    return [_flavor(document) for document in documents]


async def created(compute: Service, flavor: Flavor) -> Flavor:
    """Two requests, since Nova takes extra specs by themselves: a flavor without them is taken back."""
    body = {
        "name": flavor.name,
        "vcpus": flavor.vcpus,
        "ram": flavor.ram,
        "disk": flavor.disk,
        "OS-FLV-EXT-DATA:ephemeral": flavor.ephemeral,
        "swap": flavor.swap,
        "id": flavor.external_id or None,  # null: Nova makes one; "auto" means that to novaclient only
    }
    made = (await compute.send("POST", "/flavors", {"flavor": body})).part("flavor")
    path = f"/flavors/{made['id']}"
    if flavor.extra_specs:
        try:
            await compute.send("POST", f"{path}/os-extra_specs", {"extra_specs": dict(flavor.extra_specs)})
        except DriverError:
            await compute.send("DELETE", path)
            raise
    return _flavor({**made, "extra_specs": dict(flavor.extra_specs)})


def _flavor(document: dict[str, Any]) -> Flavor:
    return Flavor(
        external_id=document["id"],
        name=document["name"],
        vcpus=document["vcpus"],
        ram=document["ram"],
        disk=document["disk"],
        ephemeral=document.get("OS-FLV-EXT-DATA:ephemeral", 0),
        swap=int(document.get("swap") or 0),
        extra_specs=document["extra_specs"],
    )

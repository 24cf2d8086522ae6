"""A server that was shelved in one real cloud comes up in another one, by the stock client alone."""

import pytest

from tests.e2e.cloud import Cloud, until
from tests.e2e.rig import Rig

pytestmark = pytest.mark.lab


def test_it_moves_with_its_addresses(rig: Rig, acme: Cloud, inside: dict[str, Cloud], image: str) -> None:
    """In az2 with its id, tags, metadata, group, address and MAC; in az1 nothing is left, the snapshot neither."""
    network = acme.network("wander-net", "10.79.0.0/24")
    group = acme.make("security_group", name="wander-web")["id"]
    (made,) = rig.told(
        f"server create --flavor v1.1 --image {image} --availability-zone az1 --security-group wander-web"
        f" --nic net-id={network},v4-fixed-ip=10.79.0.79 --tag kept --property tier=front wanderer"
    )
    name = made["id"]
    before = acme.status("server", name, "ACTIVE")
    rig.openstack("server shelve --wait wanderer")
    acme.status("server", name, "SHELVED_OFFLOADED")
    rig.openstack("server unshelve --availability-zone az2 --wait wanderer")
    after = acme.status("server", name, "ACTIVE")
    same = ("id", "addresses", "tags", "metadata", "security_groups", "flavor", "created")
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    assert after["OS-EXT-AZ:availability_zone"] == "az2"
    (there,) = [server for server in inside["az2"].listed("server") if server["name"] == "wanderer"]
    assert (there["status"], there["addresses"]) == ("ACTIVE", before["addresses"])
    newest = acme.call("compute", "GET", f"/servers/{name}/os-instance-actions")["instanceActions"][0]
    assert (newest["action"], newest["message"]) == ("unshelve", None)
    for noun in ("server", "port", "network", "image"):
        gone(inside["az1"], noun, {"wanderer", "wander-net", "wanderer-shelved", ""})
    assert not [one for one in acme.listed("image") if one["name"] == "wanderer-shelved"]
    acme.drop("server", name)
    acme.gone("server", name)
    acme.drop("network", network)
    acme.drop("security_group", group)


def gone(cloud: Cloud, noun: str, names: set[str]) -> None:
    """Nothing of the project's is called so any more; `device_owner` tells a server's port from the cloud's own."""

    def left() -> list[str]:
        found = [
            item for item in cloud.listed(noun) if (item.get("project_id") or item.get("owner")) == cloud.project_id
        ]
        return [item["id"] for item in found if item["name"] in names]

    until(lambda: not left(), 90, f"az1 has no {noun} of the wanderer's")


def test_what_has_a_volume_stays(rig: Rig, acme: Cloud, image: str) -> None:
    """409 with the reason, by the client, too; it comes back where it was."""
    volume = acme.make("volume", size=1, name="anchor", availability_zone="az1")["id"]
    acme.status("volume", volume, "available")
    (made,) = rig.told(f"server create --flavor v1.1 --image {image} --availability-zone az1 --nic none --wait stayer")
    rig.openstack("server add volume stayer anchor")
    acme.status("volume", volume, "in-use")
    rig.openstack("server shelve --wait stayer")
    acme.status("server", made["id"], "SHELVED_OFFLOADED")
    complaint = rig.openstack("server unshelve --availability-zone az2 stayer", fails=True)
    assert "409" in complaint
    assert volume in complaint
    assert acme.show("server", made["id"])["status"] == "SHELVED_OFFLOADED"
    rig.openstack("server unshelve --wait stayer")
    assert acme.status("server", made["id"], "ACTIVE")["OS-EXT-AZ:availability_zone"] == "az1"
    acme.drop("server", made["id"])
    acme.gone("server", made["id"])
    acme.status("volume", volume, "available")
    acme.drop("volume", volume)
    acme.gone("volume", volume)

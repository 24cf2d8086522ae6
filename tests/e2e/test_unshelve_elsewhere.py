"""A server that was shelved in one real cloud comes up in another one, by the stock client alone."""

import secrets

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


@pytest.mark.parametrize("how", ["beside", "below", "meanwhile"])
def test_its_volume_follows_it(rig: Rig, acme: Cloud, inside: dict[str, Cloud], image: str, how: str) -> None:
    """A volume beside the disk, the one that it boots from, or one that it got while it was shelved: in az2 with its id
    and bytes, in az1 gone. It was looked at while the server was shelved.
    """
    data = secrets.token_bytes(1 << 16)
    content = acme.image("follower-data", data)
    volume = acme.make("volume", size=1, name="follower", imageRef=content, availability_zone="az1")["id"]
    acme.status("volume", volume, "available")
    disk = "--volume follower" if how == "below" else f"--image {image}"
    (made,) = rig.told(f"server create --flavor v1.1 {disk} --availability-zone az1 --nic none --wait mover")
    if how == "beside":
        rig.openstack("server add volume mover follower")
    before = acme.status("volume", volume, "available" if how == "meanwhile" else "in-use")
    rig.openstack("server shelve --wait mover")
    acme.status("server", made["id"], "SHELVED_OFFLOADED")
    if how == "meanwhile":
        rig.openstack("server add volume mover follower")
    acme.status("volume", volume, "in-use" if how == "meanwhile" else "reserved")
    rig.openstack("volume set --property seen=shelved follower")
    before["metadata"]["seen"] = "shelved"
    rig.openstack("server unshelve --availability-zone az2 mover")
    shown = acme.show("volume", volume)
    assert (shown["status"], shown["availability_zone"]) == ("maintenance", "az1")
    there = acme.status("server", made["id"], "ACTIVE", 300)
    assert there["OS-EXT-AZ:availability_zone"] == "az2"
    after = acme.status("volume", volume, "in-use")
    same = ("id", "name", "size", "metadata", "bootable", "volume_type", "volume_image_metadata", "created_at")
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    assert after["availability_zone"] == "az2"
    (attached,) = after["attachments"]
    assert (attached["server_id"], attached["device"][:5]) == (made["id"], "/dev/")
    if how != "meanwhile":
        assert attached["device"] == before["attachments"][0]["device"]
    for noun in ("server", "volume", "image"):
        gone(inside["az1"], noun, {"mover", "follower", "mover-shelved", ""})
    acme.drop("server", made["id"])
    acme.gone("server", made["id"])
    acme.status("volume", volume, "available")
    assert beginning(acme, volume, len(data)) == data
    for noun, name in (("volume", volume), ("image", content)):
        acme.drop(noun, name)
        acme.gone(noun, name)


def beginning(cloud: Cloud, volume: str, size: int) -> bytes:
    """The first bytes of a volume, by way of an image."""
    action = {"os-volume_upload_image": {"image_name": "follower-now", "disk_format": "raw"}}
    answer = cloud.call("volume", "POST", f"/volumes/{volume}/action", action)
    image: str = answer["os-volume_upload_image"]["image_id"]
    cloud.status("image", image, "active", 300)
    with cloud.send("image", "GET", f"/images/{image}/file", stream=True) as stream:
        found: bytes = stream.raw.read(size)
    cloud.status("volume", volume, "available")
    cloud.drop("image", image)
    return found


def test_a_volume_with_a_snapshot_stays(rig: Rig, acme: Cloud, image: str) -> None:
    """409 with the reason, by the client, too; it comes back where it was."""
    volume = acme.make("volume", size=1, name="anchor", availability_zone="az1")["id"]
    acme.status("volume", volume, "available")
    snapshot = acme.make("snapshot", volume_id=volume, name="anchored")["id"]
    acme.status("snapshot", snapshot, "available")
    (made,) = rig.told(f"server create --flavor v1.1 --image {image} --availability-zone az1 --nic none --wait stayer")
    rig.openstack("server add volume stayer anchor")
    acme.status("volume", volume, "in-use")
    rig.openstack("server shelve --wait stayer")
    acme.status("server", made["id"], "SHELVED_OFFLOADED")
    complaint = rig.openstack("server unshelve --availability-zone az2 stayer", fails=True)
    assert "409" in complaint
    assert volume in complaint
    assert f"its snapshots would be lost: {snapshot}" in complaint
    assert acme.show("server", made["id"])["status"] == "SHELVED_OFFLOADED"
    rig.openstack("server unshelve --wait stayer")
    assert acme.status("server", made["id"], "ACTIVE")["OS-EXT-AZ:availability_zone"] == "az1"
    acme.drop("server", made["id"])
    acme.gone("server", made["id"])
    acme.status("volume", volume, "available")
    for noun, name in (("snapshot", snapshot), ("volume", volume)):
        acme.drop(noun, name)
        acme.gone(noun, name)

"""Two zones are two real clouds, seen with the stock client on one side and through their own endpoints on the other.

The things of `Things` are made once, by the CLI, with as many fields as it has; each test looks at one promise.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.cloud import Cloud
from tests.e2e.rig import Rig

pytestmark = pytest.mark.lab

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDFyYW5kb21rZXlmb3J0ZXN0c29mdnJlZ2lvbjEyMzQ1 somebody"
USER_DATA = b"#!/bin/sh\necho from az2\n"


@dataclass
class Things:
    """Ids."""

    image: str
    networks: list[str]
    volume: str
    web1: str
    web2: str


@pytest.fixture(scope="module")
def things(rig: Rig, acme: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Things]:
    """An image, a keypair, a security group, a network and a server per zone, and a volume in az1."""
    files = tmp_path_factory.mktemp("files")
    (files / "disk.raw").write_bytes(bytes(range(256)) * 512)
    (files / "key.pub").write_text(KEY)
    (files / "user-data").write_bytes(USER_DATA)
    rig.openstack(
        f"keypair create --public-key {files}/key.pub laptop",
        "security group create web",
        "security group rule create --protocol tcp --dst-port 443 web",
        "network create --availability-zone-hint az1 net1",
        "network create --availability-zone-hint az2 net2",
        "subnet create --network net1 --subnet-range 10.51.0.0/24 v4",
        "subnet create --network net2 --subnet-range 10.52.0.0/24 v4",
    )
    image, net1, net2, volume, web1, web2 = rig.told(
        f"image create e2e-linux --disk-format raw --file {files}/disk.raw --property os_distro=none",
        "network show net1",
        "network show net2",
        "volume create --size 1 --availability-zone az1 data",
        "server create --flavor v1.1 --image e2e-linux --availability-zone az1 --network net1 web1",
        "server create --flavor v1.1 --image e2e-linux --availability-zone az2 --key-name laptop --security-group web"
        f" --nic net-id=net2,v4-fixed-ip=10.52.0.77 --user-data {files}/user-data --use-config-drive --tag blue"
        " --description the-second-one --property tier=front --hostname web-two web2",
    )
    made = Things(image["id"], [net1["id"], net2["id"]], volume["id"], web1["id"], web2["id"])
    for server in (made.web1, made.web2):
        acme.status("server", server, "ACTIVE")
    yield made
    rig.openstack(
        "server delete --wait web1 web2",
        "volume delete data",
        "network delete net1 net2",
        "security group delete web",
        "keypair delete laptop",
        "image delete e2e-linux",
    )


def alone(cloud: Cloud, name: str) -> Any:
    (found,) = [server for server in cloud.listed("server") if server["name"] == name]
    return found


def test_a_server_is_in_its_zone_and_nowhere_else(things: Things, acme: Cloud, inside: dict[str, Cloud]) -> None:
    assert {zone: [s["name"] for s in cloud.listed("server")] for zone, cloud in inside.items()} == {
        "az1": ["web1"],
        "az2": ["web2"],
    }
    assert acme.show("server", things.web2)["OS-EXT-AZ:availability_zone"] == "az2"


def test_every_field_is_there_as_written(things: Things, acme: Cloud, inside: dict[str, Cloud]) -> None:
    there = alone(inside["az2"], "web2")
    ours = acme.show("server", things.web2)
    for seen in (there, ours):
        assert seen["status"] == "ACTIVE"
        assert seen["description"] == "the-second-one"
        assert seen["metadata"] == {"tier": "front"}
        assert seen["config_drive"] == "True"
        assert seen["OS-EXT-SRV-ATTR:hostname"] == "web-two"
        assert (seen["flavor"]["vcpus"], seen["flavor"]["ram"], seen["flavor"]["disk"]) == (1, 512, 1)
        ((address,),) = seen["addresses"].values()
        assert (address["addr"], address["OS-EXT-IPS:type"]) == ("10.52.0.77", "fixed")
    assert base64.b64decode(there["OS-EXT-SRV-ATTR:user_data"]) == USER_DATA
    assert there["addresses"] == ours["addresses"]
    assert there["key_name"].startswith("laptop")
    assert ours["key_name"] == "laptop"
    assert ours["tags"] == ["blue"]
    assert sorted(there["tags"]) == ["blue", f"vregion:{things.web2}"]
    assert ours["security_groups"] == [{"name": "web"}]


def test_what_the_server_stands_on_is_there_too(things: Things, inside: dict[str, Cloud], acme: Cloud) -> None:
    second = inside["az2"]
    assert [network["name"] for network in owned(second, "network")] == ["net2"]
    (subnet,) = owned(second, "subnet")
    assert (subnet["name"], subnet["cidr"]) == ("v4", "10.52.0.0/24")
    (port,) = owned(second, "port")
    (our_port,) = [p for p in acme.listed("port") if p["device_id"] == things.web2]
    assert (port["mac_address"], port["device_id"]) == (our_port["mac_address"], alone(second, "web2")["id"])
    (group,) = [group for group in owned(second, "security_group") if group["id"] in port["security_groups"]]
    rules = [(r["direction"], r["protocol"], r["port_range_min"]) for r in group["security_group_rules"]]
    assert ("ingress", "tcp", 443) in rules
    (image,) = [image for image in second.listed("image") if image["owner"] == second.project_id]
    ours = acme.show("image", things.image)
    assert {key: image[key] for key in ("os_hash_value", "size", "os_distro")} == {
        key: ours[key] for key in ("os_hash_value", "size", "os_distro")
    }


def owned(cloud: Cloud, noun: str) -> list[Any]:
    return [item for item in cloud.listed(noun) if item["project_id"] == cloud.project_id]


def test_one_list_over_both_zones(things: Things, rig: Rig, acme: Cloud) -> None:
    (rows,) = rig.told("server list --long --sort-column Name --sort-descending")
    assert [(row["Name"], row["Availability Zone"]) for row in rows] == [("web2", "az2"), ("web1", "az1")]
    assert [server["name"] for server in acme.listed("server", "?sort_key=display_name&sort_dir=asc")] == [
        "web1",
        "web2",
    ]
    page = acme.call("compute", "GET", "/servers?sort_key=display_name&sort_dir=asc&limit=1")
    assert [server["name"] for server in page["servers"]] == ["web1"]
    (link,) = page["servers_links"]
    assert f"marker={things.web1}" in link["href"]
    page = acme.call("compute", "GET", f"/servers?sort_key=display_name&sort_dir=asc&limit=1&marker={things.web1}")
    assert [server["name"] for server in page["servers"]] == ["web2"]
    assert [server["name"] for server in acme.listed("server", "?name=web2")] == ["web2"]
    assert [server["name"] for server in acme.listed("server", "?availability_zone=az1")] == ["web1"]
    assert [server["name"] for server in acme.listed("server", "?tags=blue")] == ["web2"]
    assert acme.listed("server", "?status=SHUTOFF") == []


def test_a_volume_goes_to_a_server_of_its_zone(things: Things, rig: Rig, acme: Cloud, inside: dict[str, Cloud]) -> None:
    acme.status("volume", things.volume, "available")
    (there,) = inside["az1"].listed("volume")
    assert (there["name"], there["size"]) == ("data", 1)
    rig.openstack("server add volume web1 data")
    seen = acme.status("volume", things.volume, "in-use")
    assert [attached["server_id"] for attached in seen["attachments"]] == [things.web1]
    (attached,) = inside["az1"].show("volume", there["id"])["attachments"]
    assert attached["server_id"] == alone(inside["az1"], "web1")["id"]
    rig.openstack("server remove volume web1 data")
    acme.status("volume", things.volume, "available")
    assert inside["az2"].listed("volume") == []


def test_a_volume_of_another_zone_is_refused_with_the_reason(things: Things, rig: Rig, acme: Cloud) -> None:
    acme.status("volume", things.volume, "available")
    complaint = rig.openstack("server add volume web2 data", fails=True)
    assert "400" in complaint
    assert "az1" in complaint
    disk = {"boot_index": -1, "source_type": "volume", "destination_type": "volume", "uuid": things.volume}
    first = {"boot_index": 0, "source_type": "image", "destination_type": "local", "uuid": things.image}
    server = {"name": "torn", "flavorRef": "1", "imageRef": things.image, "networks": "none"}
    disks = {"availability_zone": "az2", "block_device_mapping_v2": [first, disk]}
    answer = acme.send("compute", "POST", "/servers", {"server": {**server, **disks}})
    assert answer.status_code == 400
    assert "az1" in answer.json()["badRequest"]["message"]
    assert acme.listed("server", "?name=torn") == []


STEPS = (("pause", "PAUSED"), ("unpause", "ACTIVE"), ("suspend", "SUSPENDED"), ("resume", "ACTIVE"))


def test_its_life_by_the_cli(things: Things, rig: Rig, acme: Cloud, inside: dict[str, Cloud]) -> None:
    rig.openstack("server reboot --hard --wait web2", "server lock web2")
    assert alone(inside["az2"], "web2")["locked"] is True
    log = rig.openstack("server unlock web2", "console log show web2", "server stop web2")
    assert log.strip()
    acme.status("server", things.web2, "SHUTOFF")
    assert acme.show("server", things.web2)["locked"] is False
    assert alone(inside["az2"], "web2")["status"] == "SHUTOFF"
    rig.openstack("server start web2")
    acme.status("server", things.web2, "ACTIVE")


def test_its_life_by_plain_requests(things: Things, acme: Cloud, inside: dict[str, Cloud]) -> None:
    for action, status in STEPS:
        acme.act(things.web2, action)
        acme.status("server", things.web2, status)
        assert alone(inside["az2"], "web2")["status"] == status
    answer = acme.send("compute", "POST", f"/servers/{things.web2}/action", {"unpause": None})
    assert answer.status_code == 409
    assert things.web2 in answer.json()["conflictingRequest"]["message"]


def test_another_size_by_the_cli(things: Things, rig: Rig, acme: Cloud, inside: dict[str, Cloud]) -> None:
    rig.openstack("server resize --flavor v1.2 --wait web2", "server resize confirm web2")
    acme.status("server", things.web2, "ACTIVE")
    assert alone(inside["az2"], "web2")["flavor"]["ram"] == 2048
    assert acme.show("server", things.web2)["flavor"]["ram"] == 2048
    assert acme.call("compute", "GET", "/limits")["limits"]["absolute"]["totalRAMUsed"] == 2048 + 512
    acme.act(things.web2, "resize", {"flavorRef": "1"})
    acme.status("server", things.web2, "VERIFY_RESIZE")
    acme.act(things.web2, "revertResize")
    acme.status("server", things.web2, "ACTIVE")
    assert acme.show("server", things.web2)["flavor"]["ram"] == 2048
    assert acme.call("compute", "GET", "/limits")["limits"]["absolute"]["totalRAMUsed"] == 2048 + 512


def test_what_was_done_to_it_is_told(things: Things, acme: Cloud) -> None:
    actions = acme.call("compute", "GET", f"/servers/{things.web2}/os-instance-actions")["instanceActions"]
    assert actions[-1]["action"] == "create"

"""The provider's own things in a tenant's project are never touched; a server that he removes is lost, not reborn."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.cloud import Cloud, until

pytestmark = pytest.mark.lab
NAME = "same-name"
CHANGING = ("updated", "updated_at", "revision_number")


@pytest.fixture(scope="module")
def foreign(inside: dict[str, Cloud], image: str) -> Iterator[dict[str, str]]:
    """A server, a network with a port, a volume, an image, a group and a keypair of somebody else in az1; ids."""
    admin = inside["az1"]
    made = {"network": admin.network(NAME, "10.50.0.0/24"), "image": admin.image(NAME, b"foreign" * 999)}
    made["port"] = admin.make("port", name=NAME, network_id=made["network"])["id"]
    made["security_group"] = admin.make("security_group", name=NAME)["id"]
    made["volume"] = admin.make("volume", name=NAME, size=1)["id"]
    server = {"name": NAME, "flavorRef": smallest(admin), "imageRef": made["image"], "networks": "none"}
    made["server"] = admin.make("server", **server)["id"]
    admin.status("server", made["server"], "ACTIVE")
    admin.status("volume", made["volume"], "available")
    yield made
    for noun in ("server", "port", "network", "security_group", "volume", "image"):
        admin.drop(noun, made[noun])


def smallest(cloud: Cloud) -> str:
    return str(cloud.call("compute", "GET", "/flavors?sort_key=memory_mb")["flavors"][0]["id"])


def seen(cloud: Cloud, things: dict[str, str]) -> dict[str, Any]:
    found = {noun: cloud.show(noun, thing) for noun, thing in things.items()}
    return {noun: {k: v for k, v in thing.items() if k not in CHANGING} for noun, thing in found.items()}


def test_what_is_not_ours_is_never_touched(
    acme: Cloud, inside: dict[str, Cloud], foreign: dict[str, str], image: str
) -> None:
    before = seen(inside["az1"], foreign)
    network = acme.network(NAME, "10.50.0.0/24")
    group = acme.make("security_group", name=NAME)["id"]
    volume = acme.make("volume", name=NAME, size=1, availability_zone="az1")["id"]
    fields = {"flavorRef": "1", "imageRef": image, "networks": [{"uuid": network}], "security_groups": [{"name": NAME}]}
    server = acme.make("server", name=NAME, availability_zone="az1", **fields)["id"]
    acme.status("server", server, "ACTIVE")
    acme.status("volume", volume, "available")
    assert [s["id"] for s in acme.listed("server")] == [server]
    assert acme.send("compute", "GET", f"/servers/{foreign['server']}").status_code == 404
    acme.drop("server", server)
    acme.gone("server", server)
    acme.drop("volume", volume)
    acme.gone("volume", volume)
    acme.drop("network", network)
    acme.drop("security_group", group)
    acme.gone("network", network)
    until(lambda: [s["id"] for s in inside["az1"].listed("server")] == [foreign["server"]])
    assert seen(inside["az1"], foreign) == before


def test_a_server_removed_behind_our_back_is_lost(acme: Cloud, inside: dict[str, Cloud], image: str) -> None:
    body = {"name": "gone", "flavorRef": "1", "imageRef": image, "networks": "none", "availability_zone": "az2"}
    server = acme.make("server", **body)["id"]
    acme.status("server", server, "ACTIVE")
    (there,) = inside["az2"].listed("server")
    inside["az2"].drop("server", there["id"])
    lost = acme.status("server", server, "ERROR", 120)
    assert "gone from its availability zone" in lost["fault"]["message"]
    assert acme.send("compute", "POST", f"/servers/{server}/action", {"reboot": {"type": "HARD"}}).status_code == 409
    assert inside["az2"].listed("server") == []
    acme.drop("server", server)
    acme.gone("server", server)

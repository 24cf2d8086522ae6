"""Zones come and go while everything runs: with a project that is made for them, and with a given credential."""

from collections.abc import Iterator

import pytest

from tests.e2e.cloud import Cloud
from tests.e2e.rig import Rig

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module", autouse=True)
def third_backend(rig: Rig, acme: Cloud) -> Iterator[None]:
    """The first region once more, as another backend."""
    assert acme.project_id
    rig.add_backend("cloud3", 1)
    yield
    rig.vregion("backend", "remove", "cloud3")


def boot(acme: Cloud, zone: str, image: str, network: str) -> str:
    body = {"flavorRef": "1", "imageRef": image, "networks": [{"uuid": network}], "availability_zone": zone}
    server: str = acme.make("server", name=f"in-{zone}", **body)["id"]
    acme.status("server", server, "ACTIVE")
    return server


def zone_names(cloud: Cloud) -> list[str]:
    found = cloud.call("compute", "GET", "/os-availability-zone")["availabilityZoneInfo"]
    return sorted(zone["zoneName"] for zone in found if zone["zoneState"]["available"])


def test_a_third_zone_is_there_at_once_and_goes_when_it_is_empty(
    rig: Rig, acme: Cloud, inside: dict[str, Cloud], image: str
) -> None:
    assert zone_names(acme) == ["az1", "az2"]
    rig.vregion("zone", "bind", "acme", "az3", "--backend", "cloud3")
    assert zone_names(acme) == ["az1", "az2", "az3"]
    network = acme.network("third")
    server = boot(acme, "az3", image, network)
    there = rig.inside("az3", region=1)
    assert there.project_id != inside["az1"].project_id
    assert [s["name"] for s in there.listed("server")] == ["in-az3"]
    assert inside["az1"].listed("server") == []

    complaint = rig.vregion("zone", "unbind", "acme", "az3", fails=True)
    assert f"in-az3 ({server})" in complaint
    assert f"third ({network})" in complaint
    acme.status("server", server, "ACTIVE")
    acme.drop("server", server)
    acme.gone("server", server)
    acme.drop("network", network)
    acme.gone("network", network)
    rig.vregion("zone", "unbind", "acme", "az3")
    assert zone_names(acme) == ["az1", "az2"]
    assert rig.direct(1).call("identity", "GET", "/projects?name=acme-az3")["projects"] == []


def test_a_zone_with_a_given_credential(rig: Rig, acme: Cloud, image: str) -> None:
    """As from a federated provider, who lets nobody make projects: a member of a project of his own."""
    auth = rig.lab["region1"]["auth"]
    given = [f"{key}={value}" for key, value in auth.items() if key not in ("auth_url", "password")]
    pairs = [word for pair in given for word in ("--credential", pair)]
    words = ("--backend", "cloud3", *pairs, "--password-file", "-")
    rig.vregion("zone", "bind", "acme", "az4", *words, secret=auth["password"])
    network = acme.network("fourth")
    server = boot(acme, "az4", image, network)
    member = rig.direct(1, "")
    assert [s["name"] for s in member.listed("server")] == ["in-az4"]
    acme.drop("server", server)
    acme.gone("server", server)
    acme.drop("network", network)
    acme.gone("network", network)
    rig.vregion("zone", "unbind", "acme", "az4")
    assert member.listed("server") == []

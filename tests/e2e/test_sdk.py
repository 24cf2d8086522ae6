"""A script of openstacksdk's, as a tenant writes it: a server's life in each of two zones, without special flags.

Boot, attach, resize, snapshot, boot of the snapshot, detach, delete: each step waits as the SDK waits, and is then
looked at in the zone itself.
"""

from collections.abc import Callable, Iterator
from typing import Any

import openstack
import pytest

from tests.e2e.cloud import Cloud
from tests.e2e.rig import Rig

pytestmark = [pytest.mark.lab, pytest.mark.filterwarnings("default")]  # what the SDK warns of is the SDK's


@pytest.fixture(scope="module")
def sdk(rig: Rig) -> Iterator[Any]:
    """A connection as the tenant's administrator; nothing is said of versions."""
    connection = openstack.connection.Connection(auth=rig.auth(), region_name="vregion", app_name="e2e")
    yield connection
    connection.close()


def flavors(sdk: Any) -> tuple[Any, Any]:
    """The two smallest."""
    small, large, *_ = sorted(sdk.list_flavors(), key=lambda flavor: (flavor.ram, flavor.disk))
    return small, large


def life(sdk: Any, zone: str, image: str, network: str, look: Callable[[Any], None]) -> None:
    """The script. `look` is called with the server when it runs, has grown, and is a copy of itself."""
    small, large = flavors(sdk)
    place = {"availability_zone": zone, "network": network, "auto_ip": False, "wait": True, "timeout": 180}
    server = sdk.create_server(f"sdk-{zone}", image=image, flavor=small.id, meta={"made": "by sdk"}, **place)
    assert (server.status, server.availability_zone) == ("ACTIVE", zone)
    look(server)
    volume = sdk.create_volume(1, name=f"sdk-{zone}", availability_zone=zone, wait=True, timeout=120)
    attachment = sdk.attach_volume(server, volume, wait=True, timeout=120)
    assert attachment.volume_id == volume.id
    assert sdk.get_volume(volume.id).status == "in-use"
    sdk.compute.resize_server(server, large)
    sdk.compute.wait_for_server(server, status="VERIFY_RESIZE", wait=180)
    sdk.compute.confirm_server_resize(server)
    server = sdk.compute.wait_for_server(server, status="ACTIVE", wait=180)
    assert sdk.get_server(server.id).flavor["ram"] == large.ram
    look(server)
    snapshot = sdk.create_image_snapshot(f"sdk-{zone}-snapshot", server, wait=True, timeout=180)
    assert sdk.get_image(snapshot.id).status == "active"
    sdk.detach_volume(server, volume, wait=True, timeout=120)
    assert sdk.get_volume(volume.id).status == "available"
    copy = sdk.create_server(f"sdk-{zone}-copy", image=snapshot.id, flavor=large.id, **place)
    look(copy)
    for one in (copy, server):
        assert sdk.delete_server(one.id, wait=True, timeout=120)
    assert sdk.delete_volume(volume.id, wait=True, timeout=120)
    assert sdk.delete_image(snapshot.id, wait=True)
    assert sdk.get_server(server.id) is None


@pytest.mark.parametrize("zone", ["az1", "az2"])
def test_a_servers_life(sdk: Any, acme: Cloud, inside: dict[str, Cloud], image: str, zone: str) -> None:
    network = acme.network(f"sdk-{zone}", "10.57.0.0/24", availability_zone_hints=[zone])

    def look(server: Any) -> None:
        (there,) = [one for one in inside[zone].listed("server") if one["name"] == server.name]
        assert there["status"] == "ACTIVE"
        assert there["flavor"]["ram"] == sdk.get_server(server.id).flavor["ram"]
        (other,) = set(inside) - {zone}
        assert server.name not in [one["name"] for one in inside[other].listed("server")]

    life(sdk, zone, image, network, look)
    acme.drop("network", network)
    acme.gone("network", network)

"""Trunks: sub-ports become what is wanted, in whatever state the trunk is; what is in one holds its ports."""

from typing import Any

import pytest

from tests.drivers.bench import Bench
from vregion.drivers.contract import Driver, Permanent, Transient
from vregion.model.resource import Kind

pytestmark = pytest.mark.asyncio(loop_scope="module")


def under(port: str, number: int) -> dict[str, Any]:
    return {"port_id": port, "segmentation_type": "vlan", "segmentation_id": number}


async def test_sub_ports_become_what_is_wanted(bench: Bench, driver: Driver) -> None:
    """A number goes from one port to another, a disabled trunk changes, too; a port goes after its trunk."""
    assert "network.trunk" in (await driver.check()).capabilities
    trunks, ports = driver.collections[Kind.TRUNK], driver.collections[Kind.PORT]
    network = (await bench.make(Kind.NETWORK, {"name": "suite"})).external_id
    body = {"name": "suite", "network_id": network, "ip_version": 4, "cidr": "10.96.0.0/24"}
    await bench.make(Kind.SUBNET, body)
    parent, one, other = [
        (await bench.make(Kind.PORT, {"name": name, "network_id": network})).external_id for name in "abc"
    ]
    wanted = {"name": "suite", "port_id": parent, "admin_state_up": True, "sub_ports": [under(one, 100)]}
    made = await bench.make(Kind.TRUNK, wanted)
    assert (made.settled, made.document["status"], made.document["sub_ports"]) == (True, "DOWN", [under(one, 100)])
    with pytest.raises(Permanent) as refused:
        await trunks.create("another", {"name": "suite", "port_id": parent, "admin_state_up": True, "sub_ports": []})
    assert refused.value.status == 409
    steps: tuple[tuple[bool, list[dict[str, Any]]], ...] = (
        (False, [under(other, 100)]),
        (False, [under(other, 101), under(one, 100)]),
        (True, [under(one, 100)]),
        (False, []),
    )
    for up, sub_ports in steps:
        seen = await trunks.update(made.external_id, {"name": "b", "admin_state_up": up, "sub_ports": sub_ports})
        there = sorted(seen.document["sub_ports"], key=lambda sub: int(sub["segmentation_id"]))
        assert there == sorted(sub_ports, key=lambda sub: int(sub["segmentation_id"]))
        assert (seen.document["name"], seen.document["admin_state_up"]) == ("b", up)
    with pytest.raises(Transient):
        await ports.delete(parent)
    await trunks.delete(made.external_id)
    await trunks.delete(made.external_id)
    await bench.gone(Kind.TRUNK, made.external_id)
    await ports.delete(parent)

"""QoS of volume types over several zones: by name, the first zone's."""

from dataclasses import replace

import pytest

from tests.unit.image.clouds import ZONES
from vregion.model.backend import VolumeType
from vregion.model.refusals import NotFound
from vregion.region import qos_specs, volume_types

SLOW = {"name": "slow", "consumer": "back-end", "specs": {"total_iops_sec": "500"}}
OTHER = SLOW | {"specs": {"total_iops_sec": "900"}}
FAST = {"name": "fast", "consumer": "both", "specs": {}}
BOTH = (
    replace(ZONES[0], volume_types=(VolumeType("disk", qos=SLOW), VolumeType("plain"))),
    replace(
        ZONES[1],
        volume_types=(VolumeType("disk", qos=OTHER), VolumeType("flash", qos=FAST), VolumeType("tape", qos=SLOW)),
    ),
)


def test_each_name_is_one() -> None:
    fast, slow = qos_specs.offered(BOTH)
    assert (fast["name"], slow["name"]) == ("fast", "slow")
    assert slow["specs"] == SLOW["specs"], "the first zone's"
    assert qos_specs.find(BOTH, slow["id"]) == slow
    with pytest.raises(NotFound, match="No such QoS spec nonsense"):
        qos_specs.find(BOTH, "nonsense")


def test_a_type_says_which_it_has() -> None:
    fast, slow = qos_specs.offered(BOTH)
    told = {one["name"]: one["qos_specs_id"] for one in volume_types.offered(BOTH)}
    assert told == {"default": None, "disk": slow["id"], "plain": None, "flash": fast["id"], "tape": slow["id"]}
    assert [one["name"] for one in qos_specs.associations(BOTH, slow["id"])] == ["disk", "tape"]
    assert qos_specs.associations(BOTH, fast["id"])[0]["id"] == volume_types.named(BOTH, "flash")["id"]

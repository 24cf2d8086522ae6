"""The scheduler decides by what it is told, and says why."""

from dataclasses import replace

import pytest

from vregion.model.backend import Binding
from vregion.model.refusals import Conflict, Invalid
from vregion.region.scheduler import UNKNOWN_ZONE, Tie, Zone, choose


def zone(name: str, *, state: str = "enabled", default: bool = False, flavor: bool = True, servers: int = 0) -> Zone:
    return Zone(Binding(f"b-{name}", "region", name, f"backend-{name}", state, default), flavor, servers)


ONE, TWO = zone("az1", default=True), zone("az2")


def test_the_named_zone_it_is() -> None:
    assert choose("az2", "f", [ONE, TWO], []).binding is TWO.binding


@pytest.mark.parametrize(
    ("zones", "words"),
    [
        ([ONE], UNKNOWN_ZONE),
        ([ONE, zone("az2", state="draining")], f"{UNKNOWN_ZONE}: az2 takes nothing new"),
        ([ONE, zone("az2", flavor=False)], f"{UNKNOWN_ZONE}: az2 has no flavor f"),
    ],
)
def test_a_named_zone_that_will_not_do_is_refused_with_the_reason(zones: list[Zone], words: str) -> None:
    with pytest.raises(Invalid) as refused:
        choose("az2", "f", zones, [])
    assert refused.value.message == words


def test_the_default_zone_unless_it_is_draining_or_lacks_the_flavor() -> None:
    assert choose(None, "f", [TWO, ONE], []).binding is ONE.binding
    for lacking in (zone("az1", default=True, state="draining"), zone("az1", default=True, flavor=False)):
        assert choose(None, "f", [lacking, TWO], []).binding is TWO.binding


def test_the_emptiest_where_there_is_no_default() -> None:
    full, empty = zone("az1", servers=3), zone("az2", servers=1)
    decision = choose(None, "f", [full, empty], [])
    assert decision.binding is empty.binding
    assert decision.reason == "zone az2: the emptiest of 2"


def test_a_zone_with_the_image_before_an_empty_one() -> None:
    empty, full, fuller = zone("az1"), zone("az2", servers=3), zone("az3", servers=4)
    decision = choose(None, "f", [empty, replace(fuller, has_image=True), replace(full, has_image=True)], [])
    assert decision.binding is full.binding
    assert decision.reason == "zone az2: the emptiest of 2 that have the image"


def test_able_then_room_then_the_default_then_the_image() -> None:
    default, image = replace(zone("az1", default=True), servers=9), replace(zone("az2"), has_image=True, servers=5)
    other = zone("az3")
    assert choose(None, "f", [default, image, other], []).binding is default.binding
    full = replace(default, full="4 of 4 cores in use")
    decision = choose(None, "f", [full, image, other], [])
    assert decision.reason == (
        "zone az2: the emptiest of 1 that have the image; passed by: az1 has no room (4 of 4 cores in use)"
    )
    unable = replace(image, unable="QoS")
    decision = choose(None, "f", [full, unable, other], [])
    assert decision.reason == (
        "zone az3: the only one that will do; passed by: az1 has no room (4 of 4 cores in use), az2 has no QoS"
    )
    decision = choose(None, "f", [full, unable], [])
    assert decision.reason == (
        "zone az1: the tenant's default; passed by: az2 has no QoS; "
        "none will do, and this one has no room (4 of 4 cores in use)"
    )


def test_a_network_that_reaches_another_zone_leaves_a_choice_by_room() -> None:
    spans = Tie("network", "n", "backend-az1", frozenset({"backend-az2"}))
    full = replace(ONE, full="no")
    decision = choose(None, "f", [full, TWO], [spans])
    assert decision.reason == "zone az2: network n is there or reaches there; passed by: az1 has no room (no)"
    assert choose("az1", "f", [full, TWO], [spans]).binding is full.binding
    assert choose(None, "f", [full, TWO], [Tie("volume", "v", "backend-az1")]).binding is full.binding


def test_nowhere_at_all() -> None:
    with pytest.raises(Invalid):
        choose(None, "f", [zone("az1", flavor=False)], [])


def test_a_server_follows_what_it_needs_before_the_default() -> None:
    decision = choose(None, "f", [ONE, TWO], [Tie("volume", "v", "backend-az2")])
    assert decision.binding is TWO.binding
    assert decision.reason == "zone az2: volume v is there"


def test_a_volume_elsewhere_is_400_with_the_reason() -> None:
    with pytest.raises(Invalid) as refused:
        choose("az1", "f", [ONE, TWO], [Tie("volume", "v", "backend-az2")])
    assert refused.value.message == (
        "The availability zone between the server and its attached volumes do not match: "
        "volume v is in az2, not in az1."
    )


def test_a_network_elsewhere_is_409() -> None:
    with pytest.raises(Conflict):
        choose("az1", "f", [ONE, TWO], [Tie("network", "n", "backend-az2")])
    with pytest.raises(Conflict):
        choose(None, "f", [ONE, TWO], [Tie("volume", "v", "backend-az1"), Tie("network", "n", "backend-az2")])


def test_what_it_needs_may_be_where_nothing_new_goes() -> None:
    with pytest.raises(Invalid):
        choose(None, "f", [ONE, zone("az2", state="draining")], [Tie("network", "n", "backend-az2")])
    with pytest.raises(Invalid):
        choose(None, "f", [ONE, zone("az2", flavor=False)], [Tie("network", "n", "backend-az2")])


def test_a_network_that_reaches_other_zones_ties_to_none_of_them() -> None:
    spans = Tie("network", "n", "backend-az2", frozenset({"backend-az1"}))
    assert choose("az1", "f", [ONE, TWO], [spans]).binding is ONE.binding
    assert choose(None, "f", [ONE, TWO], [spans]).binding is ONE.binding  # the default zone
    assert choose(None, "f", [zone("az1"), TWO], [spans]).binding is TWO.binding  # where it is
    assert choose(None, "f", [zone("az1"), zone("az2", state="draining")], [spans]).binding.availability_zone == "az1"
    assert choose(None, "f", [ONE, TWO], [spans, Tie("volume", "v", "backend-az2")]).binding is TWO.binding
    with pytest.raises(Conflict, match="nothing joins them"):
        choose("az3", "f", [ONE, TWO, zone("az3")], [Tie("network", "n", "backend-az2", why="nothing joins them")])

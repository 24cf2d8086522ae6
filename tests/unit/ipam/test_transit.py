"""Transit networks: never where the tenant is, one route per remote prefix, and the same plan at every look."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vregion.ipam import transit

RANGE = ip_network("100.64.0.0/24")
inside = st.builds(
    lambda bits, length: ip_network((int(RANGE.network_address) + bits, length), strict=False),
    st.integers(0, 255),
    st.integers(22, 32),
)
zones = st.sampled_from(["az1", "az2", "az3", "az4"])
prefixes = st.integers(0, 20).map(lambda n: ip_network(f"10.0.{n}.0/24"))


@given(st.lists(inside, max_size=40), st.integers(2, 30))
def test_a_chosen_prefix_meets_nothing_that_is_taken(taken: list[object], count: int) -> None:
    found = transit.choose(RANGE, taken, count)  # type: ignore[arg-type]
    length = 32 - (max(count, transit.ROOM) + 1).bit_length()
    free = [p for p in RANGE.subnets(new_prefix=length) if not any(p.overlaps(t) for t in taken)]  # type: ignore[arg-type]
    assert found == (free[0] if free else None)


def test_ipv6_and_a_range_that_is_too_small() -> None:
    assert transit.choose(ip_network("fd00::/64"), [ip_network("fd00::/125")], 2) == ip_network("fd00::8/125")
    assert transit.choose(ip_network("100.64.0.0/30"), [], 2) is None
    assert transit.choose(RANGE, [ip_network("0.0.0.0/0")], 2) is None


def test_who_has_an_address_keeps_it() -> None:
    network = ip_network("100.64.0.0/29")
    assert transit.addresses(network, ["a", "b"], {}) == {"a": "100.64.0.1", "b": "100.64.0.2"}
    assert transit.addresses(network, ["a", "b", "c"], {"b": "100.64.0.1"}) == {
        "b": "100.64.0.1", "a": "100.64.0.2", "c": "100.64.0.3",
    }  # fmt: skip
    with pytest.raises(ValueError, match="no address left"):
        transit.addresses(network, list("abcdefg"), {})


@given(st.dictionaries(zones, st.sets(prefixes, max_size=5), min_size=1))
def test_every_remote_prefix_has_one_route_to_a_zone_that_has_it(attached: dict[str, set[object]]) -> None:
    at = {zone: f"100.64.0.{number}" for number, zone in enumerate(sorted(attached), 1)}
    names = {address: zone for zone, address in at.items()}
    made = transit.plan(attached, at)  # type: ignore[arg-type]
    for zone, instance in made.items():
        remote = {str(p) for other, found in attached.items() if other != zone for p in found - attached[zone]}
        assert [destination for destination, _ in instance.routes] == sorted(remote)
        for destination, hop in instance.routes:
            assert ip_network(destination) in attached[names[hop]]
            assert ip_address(hop) != ip_address(instance.address)
    assert made == transit.plan(dict(reversed(attached.items())), at)  # type: ignore[arg-type]

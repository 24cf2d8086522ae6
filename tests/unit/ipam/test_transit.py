"""Transit networks: never where the tenant is, one route per remote prefix, and the same routes at every look."""

from ipaddress import IPv4Network, ip_network

from hypothesis import given
from hypothesis import strategies as st

from vregion.ipam import transit

RANGE = ip_network("100.64.0.0/21")
inside = st.builds(
    lambda bits, length: IPv4Network((int(RANGE.network_address) + bits, length), strict=False),
    st.integers(0, 2047),
    st.integers(19, 32),
)
zones = st.sampled_from(["az1", "az2", "az3", "az4"])
prefixes = st.integers(0, 20).map(lambda n: IPv4Network(f"10.0.{n}.0/24"))


@given(st.lists(inside, max_size=40))
def test_a_chosen_prefix_meets_nothing_that_is_taken(taken: list[IPv4Network]) -> None:
    free = [p for p in RANGE.subnets(new_prefix=24) if not any(p.overlaps(t) for t in taken)]
    assert transit.choose(RANGE, taken) == (free[0] if free else None)


def test_ipv6_and_a_range_that_is_too_small() -> None:
    assert transit.choose(ip_network("fd00::/48"), [ip_network("fd00::/65")]) == ip_network("fd00:0:0:1::/64")
    assert transit.choose(ip_network("100.64.0.0/30"), []) is None
    assert transit.choose(RANGE, [ip_network("0.0.0.0/0")]) is None
    assert transit.choose(RANGE, [ip_network("::/0")]) == ip_network("100.64.0.0/24")


@given(st.dictionaries(zones, st.sets(prefixes, max_size=5), min_size=1))
def test_every_remote_prefix_has_one_route_to_a_zone_that_has_it(attached: dict[str, set[IPv4Network]]) -> None:
    at = {zone: [f"100.64.0.{number}", f"fd00::{number}"] for number, zone in enumerate(sorted(attached), 1)}
    names = {address: zone for zone, both in at.items() for address in both}
    for zone, own in attached.items():
        made = transit.routes(zone, attached, [at])
        remote = {str(p) for other, found in attached.items() if other != zone for p in found - own}
        assert [route["destination"] for route in made] == sorted(remote)
        for route in made:
            assert ip_network(route["destination"]) in attached[names[route["nexthop"]]]
            assert names[route["nexthop"]] != zone
        assert made == transit.routes(zone, dict(reversed(attached.items())), [at])


def test_each_version_goes_to_the_address_of_its_own_and_nowhere_when_there_is_none() -> None:
    attached = {"a": [], "b": [ip_network("fd01::/64"), ip_network("10.0.0.0/24")]}
    assert transit.routes("a", attached, [{"a": ["fd00::1"], "b": ["fd00::2"]}]) == [
        {"destination": "fd01::/64", "nexthop": "fd00::2"}
    ]
    assert transit.routes("a", attached, [{"a": ["fd00::1"]}]) == []
    assert transit.routes("a", attached, [{"a": ["fd00::1"], "b": ["fd00::2"]}], []) == [], "it is not there yet"


joins = st.dictionaries(st.sampled_from(["wan", "lan", "fiber"]), st.sets(zones, min_size=2), max_size=3)


@given(st.sets(zones, min_size=1), joins, st.lists(st.sampled_from(["wan", "lan", "gone"]), max_size=2, unique=True))
def test_all_zones_that_something_joins_are_joined(own: set[str], over: dict[str, set[str]], used: list[str]) -> None:
    chosen, groups = transit.ways(own, over, used)
    assert sorted(zone for group in groups for zone in group) == sorted(own)
    for members in over.values():
        assert sum(not group.isdisjoint(members) for group in groups) <= 1, "nothing that joins two groups is left out"
    assert len(chosen) <= len(own) - len(groups), "each one joins something"
    assert [name for name in used if name in chosen] == chosen[: len(set(used) & set(chosen))], (
        "what is used comes first"
    )
    assert transit.ways(own, over, chosen)[0] == chosen, "and stays"


@given(st.dictionaries(zones, st.sets(prefixes, max_size=4), min_size=2), joins)
def test_a_packet_gets_there_whatever_joins_the_zones(
    attached: dict[str, set[IPv4Network]], over: dict[str, set[str]]
) -> None:
    chosen, groups = transit.ways(attached, over, ())
    links = [
        {zone: [f"100.64.{n}.{m}"] for m, zone in enumerate(sorted(over[name] & attached.keys()), 1)}
        for n, name in enumerate(chosen)
    ]
    names = {address: zone for link in links for zone, own in link.items() for address in own}
    made = {
        zone: {route["destination"]: names[route["nexthop"]] for route in transit.routes(zone, attached, links)}
        for zone in attached
    }
    for group in groups:
        for prefix in {prefix for zone in group for prefix in attached[zone]}:
            for zone in group:
                steps = 0
                while prefix not in attached[zone]:
                    zone, steps = made[zone][str(prefix)], steps + 1
                    assert steps < len(group)

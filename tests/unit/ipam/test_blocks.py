"""The free blocks of a pool, held to sets of addresses: nothing is given twice, nothing is lost."""

from ipaddress import IPv4Network, ip_network

from hypothesis import given, settings
from hypothesis import strategies as st

from vregion.ipam import blocks
from vregion.ipam.prefixes import Prefix

# Prefixes inside 10.0.0.0/22, small enough to be counted address by address.
small = st.builds(
    lambda at, length: ip_network((int(IPv4Network("10.0.0.0/22").network_address) + at, length), strict=False),
    st.integers(0, 1023),
    st.integers(24, 32),
)


def addresses(of: list[Prefix]) -> list[int]:
    return [int(address) for block in of for address in block]


@settings(deadline=None)  # it counts addresses one by one
@given(
    st.lists(small, max_size=8),
    st.lists(st.tuples(st.booleans(), st.integers(24, 32), st.integers(0, 99)), max_size=30),
)
def test_what_is_taken_and_what_is_free_are_the_pool(given_: list[Prefix], steps: list[tuple[bool, int, int]]) -> None:
    whole = blocks.compact(given_)
    free = whole
    taken: list[Prefix] = []
    for give_back, length, which in steps:
        if give_back and taken:
            free = blocks.compact([*free, taken.pop(which % len(taken))])
        elif (found := blocks.any_of(free, length)) is not None:
            left = blocks.without(free, found)
            assert left is not None
            free = left
            taken.append(found)
        else:
            assert all(block.prefixlen > length for block in free)
        assert sorted(addresses(free) + addresses(taken)) == sorted(addresses(whole))
        assert free == blocks.compact(free)


@given(st.lists(small, max_size=6), small)
def test_a_prefix_is_taken_exactly_when_all_of_it_is_free(given_: list[Prefix], wanted: Prefix) -> None:
    free = blocks.compact(given_)
    left = blocks.without(free, wanted)
    assert (left is not None) == (set(addresses([wanted])) <= set(addresses(free)))
    if left is not None:
        assert set(addresses(left)) == set(addresses(free)) - set(addresses([wanted]))


@given(st.lists(small, max_size=6), st.lists(small, max_size=6))
def test_differences_covers_and_overlaps_are_those_of_sets(one: list[Prefix], two: list[Prefix]) -> None:
    mine, theirs = blocks.compact(one), blocks.compact(two)
    left, right = set(addresses(mine)), set(addresses(theirs))
    assert set(addresses(blocks.minus(mine, theirs))) == left - right
    assert blocks.covers(mine, two) == (right <= left)
    assert blocks.overlap(mine, theirs) == bool(left & right)


def test_the_smallest_block_is_broken_first_and_ties_go_to_the_lower_address() -> None:
    free = blocks.parse(["10.0.0.0/16", "10.9.0.0/24", "10.8.0.0/24"])
    assert str(blocks.any_of(free, 25)) == "10.8.0.0/25"
    assert str(blocks.any_of(free, 20)) == "10.0.0.0/20"
    assert blocks.any_of(free, 15) is None


def test_a_pool_of_a_whole_family_is_quick() -> None:
    free = blocks.parse(["fd00::/8"])
    for _ in range(2000):
        found = blocks.any_of(free, 64)
        assert found is not None
        left = blocks.without(free, found)
        assert left is not None
        free = left
    assert len(free) <= 64

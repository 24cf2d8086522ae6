"""Prefixes, pools and MACs, for every prefix that a tenant may write."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from vregion.ipam import macs, pools, prefixes

v4 = st.builds(
    lambda bits, length: ip_network((bits, length), strict=False), st.integers(0, 2**32 - 1), st.integers(1, 32)
)
v6 = st.builds(
    lambda bits, length: ip_network((bits, length), strict=False), st.integers(2**32, 2**128 - 1), st.integers(1, 128)
)
anywhere = st.one_of(v4, v6)
mac_addresses = st.integers(1, 2**48 - 2).map(lambda n: ":".join(f"{n:012x}"[i : i + 2] for i in range(0, 12, 2)))


@given(anywhere, st.data())
def test_default_pools_hold_every_usable_address_but_the_gateway(
    prefix: IPv4Network | IPv6Network, data: st.DataObject
) -> None:
    low, high = prefixes.usable(prefix)
    gateway = str(type(prefix.network_address)(data.draw(st.integers(low, high))))
    found = pools.default_pools(prefix, gateway)
    assert pools.first_overlap(found) is None
    assert all(pool.inside(prefix) for pool in found)
    total = sum(pool.last - pool.first + 1 for pool in found)
    assert total == (high - low + 1 if low == high else high - low)
    assert low == high or not any(gateway in pool for pool in found)


@given(anywhere, st.data())
def test_a_position_leads_back_to_its_address(prefix: IPv4Network | IPv6Network, data: st.DataObject) -> None:
    distance = data.draw(st.integers(0, min(prefix.num_addresses - 1, prefixes.LAST_POSITION)))
    address = prefixes.at(prefix, distance)
    assert ip_address(address) in prefix
    assert prefixes.position(prefix, address) == distance


@given(v4)
def test_no_port_gets_what_the_wire_needs(prefix: IPv4Network) -> None:
    assert not prefixes.holds(prefix, str(prefix.network_address))
    if prefix.prefixlen <= 30:
        assert not prefixes.holds(prefix, str(prefix.broadcast_address))
        assert prefixes.holds(prefix, prefixes.default_gateway(prefix))


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 40)), max_size=6))
def test_an_overlap_is_found_exactly_when_an_address_is_shared(ranges: list[tuple[int, int]]) -> None:
    given_pools = [pools.Pool(4, first, first + length) for first, length in ranges]
    addresses = [a for pool in given_pools for a in range(pool.first, pool.last + 1)]
    assert (pools.first_overlap(given_pools) is not None) == (len(addresses) != len(set(addresses)))


@given(mac_addresses, v6)
def test_automatic_addresses_are_in_the_prefix_and_tell_the_mac(mac: str, prefix: IPv6Network) -> None:
    whole = ip_network((int(prefix.network_address), 64), strict=False)
    address = int(ip_address(macs.eui64(whole, mac)))
    assert ip_address(address) in whole
    low = (address & (2**64 - 1)).to_bytes(8)
    assert (bytes([low[0] ^ 2]) + low[1:3] + low[5:]).hex(":") == mac


@given(mac_addresses)
def test_every_spelling_of_a_mac_is_one(mac: str) -> None:
    digits = mac.replace(":", "")
    dotted = ".".join(digits[i : i + 4] for i in (0, 4, 8))
    halves = f"{digits[:6]}-{digits[6:]}"
    for spelling in (mac.upper(), mac.replace(":", "-"), dotted, dotted.replace(".", ":"), digits, halves):
        assert macs.canonical(spelling) == macs.read(spelling) == mac
    assert macs.read(int(digits, 16)) == mac


def test_what_is_no_mac() -> None:
    for text in ("", "x", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "1:2:3:4:5", "1:2:3:4:5:6:7", "fa:16:3e:00:00:0g"):
        assert macs.canonical(text) is None
    assert [macs.read(number) for number in ("1", True, -1, 1 << 48)] == ["00:00:00:00:00:01"] * 2 + [None] * 2
    assert macs.canonical("1") is None


def test_a_random_mac_is_ours_and_no_group_address() -> None:
    mac = macs.random()
    assert mac.startswith("fa:16:3e:")
    assert not macs.multicast(mac)
    assert macs.canonical(mac) == mac

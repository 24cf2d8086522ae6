"""Flavors: offered are the public ones that some zone has; a server keeps what it was made with."""

import pytest

from vregion.directory.flavors import Flavor
from vregion.model.refusals import NotFound
from vregion.region import flavors

FLAVORS = {
    "1": Flavor("1", "tiny", 1, 512, 1, swap=64, ephemeral=2, extra_specs={"hw:x": "y"}),
    "2": Flavor("2", "small", 1, 2048, 20),
    "3": Flavor("3", "secret", 1, 2048, 20, is_public=False),
}


def test_offered_are_public_ones_that_at_least_one_zone_has() -> None:
    assert list(flavors.offered(FLAVORS, [{"3": "x", "1": "a"}, {}])) == ["1"]
    assert list(flavors.offered(FLAVORS, [{"2": "b"}, {"1": "a"}])) == ["1", "2"]
    assert flavors.offered(FLAVORS, []) == {}


def test_a_private_one_is_offered_to_who_has_it() -> None:
    assert list(flavors.offered(FLAVORS, [{"3": "x", "1": "a"}], {"3", "9"})) == ["1", "3"]
    assert list(flavors.offered(FLAVORS, [{"1": "a"}], {"3"})) == ["1"]


def test_one_that_is_not_offered_is_not_there() -> None:
    with pytest.raises(NotFound, match=r"Flavor 9 could not be found\."):
        flavors.get(FLAVORS, "9")


def test_a_server_shows_the_flavor_by_what_it_is() -> None:
    assert flavors.embedded(FLAVORS["1"]) == {
        "vcpus": 1,
        "ram": 512,
        "disk": 1,
        "ephemeral": 2,
        "swap": 64,
        "original_name": "tiny",
        "extra_specs": {"hw:x": "y"},
    }

"""Where marks sit, and what they leave of a tenant's own words."""

from vregion.drivers.openstack.marks import InTag


def test_of_fifty_tags_the_last_gives_way_to_the_mark() -> None:
    fifty = [f"t{number:02}" for number in range(50)]
    made = InTag().put("m", {"tags": fifty})
    assert (len(made["tags"]), InTag().read(made), InTag().hide(made)["tags"]) == (50, "m", fifty[:49])
    assert InTag().keep("m", {"tags": fifty}) == made

"""Placement: nothing but its database and its token check."""

from lab.configuration import QUIET, Section, database_of, render, token_check, write
from lab.regions import Region


def configure(region: Region) -> None:
    sections: dict[str, Section] = {
        "DEFAULT": dict(QUIET),
        "api": {"auth_strategy": "keystone"},
        "placement_database": database_of(region, "placement"),
        "keystone_authtoken": token_check(region, "placement"),
    }
    write(region.etc("placement", "placement.conf"), render(sections))

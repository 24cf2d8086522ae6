"""A region of the lab: its address, its folders and what it calls its things.

Two clouds of two providers agree on nothing, so each region has its own passwords, flavors, image, networks, volume
type, availability zone and highest microversions: what works on both works because it was translated. Which regions
exist, and on which data plane, stands in STATE/regions.json; `up` writes it, all the rest reads it.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

from lab.settings import SLOT, STATE

PORTS = {"keystone": 5000, "glance": 9292, "placement": 8778, "nova": 8774, "neutron": 9696, "cinder": 8776}
PATHS = {"nova": "/v2.1", "cinder": "/v3"}


@dataclass(frozen=True)
class Flavor:
    """One flavor as its region sells it."""

    id: str
    name: str
    vcpus: int
    ram: int
    disk: int
    extra_specs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """What a region calls its things, and how new it is."""

    flavors: tuple[Flavor, ...]
    image: str
    external: str
    volume_type: str
    zone: str
    flat: str
    vlan: str
    compute_microversion: str = ""
    volume_microversion: str = ""


FIRST = Profile(
    flavors=(
        Flavor("1", "m1.tiny", 1, 512, 1),
        Flavor("2", "m1.small", 1, 2048, 20),
        Flavor("3", "m1.medium", 2, 4096, 40),
        Flavor("4", "m1.large", 4, 8192, 80),  # this shape only here
    ),
    image="lab-linux",
    external="public",
    volume_type="files",
    zone="nova",
    flat="physnet1",
    vlan="physnet2",
)
SECOND = Profile(
    flavors=(
        Flavor("c1-xs", "c1.xs", 1, 512, 1),
        Flavor("c1-s", "c1.s", 1, 2048, 20),
        Flavor("c1-m", "c1.m", 2, 4096, 40, {"quota:disk_read_iops_sec": "5000"}),  # not the shape of m1.medium
        Flavor("c1-xl", "c1.xl", 8, 16384, 160),  # this shape only here
    ),
    image="base-image",
    external="internet",
    volume_type="standard",
    zone="south-1",
    flat="provider",
    vlan="wan",
    compute_microversion="2.96",
    volume_microversion="3.70",
)


def further(number: int) -> Profile:
    """The profile of the third region and those after it."""
    return Profile(
        flavors=(
            Flavor(f"r{number}-a", f"r{number}.small", 1, 2048, 20),
            Flavor(f"r{number}-b", f"r{number}.tiny", 1, 512, 1),
        ),
        image=f"image-{number}",
        external=f"outside-{number}",
        volume_type=f"disk-{number}",
        zone=f"zone-{number}",
        flat=f"flat{number}",
        vlan=f"vlan{number}",
        compute_microversion="2.100",
    )


@dataclass(frozen=True)
class Region:
    """One region by its number; `plane` is plain (no data plane), ovs or ovn."""

    number: int
    plane: str = "plain"

    @property
    def name(self) -> str:
        return f"region{self.number}"

    @property
    def short(self) -> str:
        return f"r{self.number}"

    @property
    def ip(self) -> str:
        return f"127.0.{10 + 10 * SLOT + self.number}.1"

    @property
    def password(self) -> str:
        return f"secret{self.number}"

    @property
    def auth_url(self) -> str:
        return f"http://{self.ip}:5000/v3"

    @property
    def compute_host(self) -> str:
        return f"{self.name}-compute1"

    @property
    def external_cidr(self) -> str:
        return f"203.0.{112 + self.number}.0/24"

    @property
    def external_gateway(self) -> str:
        return f"203.0.{112 + self.number}.1"

    @property
    def profile(self) -> Profile:
        return {1: FIRST, 2: SECOND}.get(self.number) or further(self.number)

    @property
    def has_switches(self) -> bool:
        return self.plane != "plain"

    def path(self, *parts: str) -> Path:
        return STATE.joinpath(self.short, *parts)

    def etc(self, *parts: str) -> Path:
        return self.path("etc", *parts)

    def url(self, service: str) -> str:
        return f"http://{self.ip}:{PORTS[service]}{PATHS.get(service, '')}"


def remember(regions: list[Region]) -> None:
    """Write down which regions this lab has."""
    STATE.mkdir(parents=True, exist_ok=True)
    (STATE / "regions.json").write_text(json.dumps({r.number: r.plane for r in regions}))


def known() -> list[Region]:
    """The regions of this lab, in order; none before the first `up`."""
    try:
        planes = json.loads((STATE / "regions.json").read_text())
    except FileNotFoundError:
        return []
    return [Region(int(number), plane) for number, plane in sorted(planes.items())]


def known_one(number: int) -> Region:
    """The region with this number, or a clear end."""
    for region in known():
        if region.number == number:
            return region
    raise SystemExit(f"this lab has no region {number}")

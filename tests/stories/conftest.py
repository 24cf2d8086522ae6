"""Where the stories run: against a whole vregion of this process, or against a bare region of the lab.

A story finds its words in environment variables: COMPUTE, NETWORK, VOLUME, IMAGE (endpoints with their version, no
trailing slash), TOKEN (a member), READER, MANAGER, ADMIN, FLAVOR and FLAVOR_ALT (ids), FLAVOR_PRIVATE (no project has
it), IMAGE_ID (a bootable image), NETWORK_ID (a network with a subnet 10.77.0.0/24), ZONE, PROJECT. Stories in a folder
`zones` also use ZONE1, ZONE2, OTHER, OTHER_ADMIN and OTHER_PROJECT (another tenant's); they are about vregion itself
and do not run against a bare region.
"""

import os
from collections.abc import Iterator

import pytest

from tests.running import Running
from tests.stories.lab import lab_environment, remove_leftovers


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A vregion with tenants, zones and flavors."""
    started = Running(tmp_path_factory.mktemp("vregion")).start()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Iterator[str]:
    """'vregion', or the lab's cloud that VREGION_STORIES names; the environment is set for it."""
    cloud = os.environ.get("VREGION_STORIES", "")
    words = lab_environment(cloud) if cloud else vregion_environment(request.getfixturevalue("running"))
    os.environ.update(words)
    yield cloud or "vregion"
    if cloud:
        remove_leftovers(words)
    for name in words:
        os.environ.pop(name, None)


def vregion_environment(running: Running) -> dict[str, str]:
    """The words of a vregion in memory, furnished."""
    from tests.stories.furniture import furnish

    words = {
        "COMPUTE": f"{running.url}/compute/v2.1",
        "NETWORK": f"{running.url}/network/v2.0",
        "VOLUME": f"{running.url}/block-storage/v3/{running.tenants['acme'].project_id}",
        "IMAGE": f"{running.url}/image/v2",
        "TOKEN": running.tokens["member"],
        "READER": running.tokens["reader"],
        "MANAGER": running.tokens["manager"],
        "ADMIN": running.tokens["admin"],
        "OTHER": running.tokens["other"],
        "OTHER_ADMIN": running.tokens["other admin"],
        "PROJECT": running.tenants["acme"].project_id,
        "OTHER_PROJECT": running.tenants["rival"].project_id,
        "FLAVOR": "1",
        "FLAVOR_ALT": "2",
        "FLAVOR_PRIVATE": "private",
        "ZONE": "az1",
        "ZONE1": "az1",
        "ZONE2": "az2",
    }
    return words | furnish(words)

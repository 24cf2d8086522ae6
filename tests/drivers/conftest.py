"""The drivers under test. A new driver joins by a name in DRIVERS and a function that opens it.

The lab is found by VREGION_LAB_CLOUDS (a clouds.yaml; the lab's own place by default); VREGION_LAB_REGION chooses the
region (region1).
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import yaml

from tests.drivers.bench import Bench, Cloud, Ground, grounded
from vregion.drivers.contract import Driver
from vregion.drivers.memory import MemoryCloud, MemoryDriver
from vregion.drivers.memory.networks import Networks
from vregion.drivers.openstack import OpenStackDriver
from vregion.model.backend import Backend, Credential
from vregion.model.resource import Kind

DRIVERS = ["memory", pytest.param("openstack", marks=pytest.mark.lab)]
LAB_CLOUDS = Path(os.environ.get("VREGION_LAB_CLOUDS", "/var/tmp/lab/clouds.yaml"))
LAB_REGION = os.environ.get("VREGION_LAB_REGION", "region1")


def lab_access(cloud: str) -> tuple[Backend, Credential]:
    """A backend and a credential from the lab's clouds.yaml."""
    entry = yaml.safe_load(LAB_CLOUDS.read_text())["clouds"][cloud]
    values = {key: str(value) for key, value in entry["auth"].items()}
    backend = Backend(cloud, cloud, "openstack", values.pop("auth_url"), entry["region_name"])
    return backend, Credential(values)


def memory() -> Cloud:
    """A cloud in memory, and another one that is down."""
    cloud, dark = MemoryCloud("suite"), MemoryCloud("dark")
    dark.faults.down = True
    Networks.to_the_outside(cloud, "203.0.113.0/24")

    async def remove_flavor(external_id: str) -> None:
        del cloud.flavors[external_id]

    def full() -> None:
        cloud.faults.builds[Kind.SERVER] = ["No valid host was found."]

    return Cloud(
        driver=MemoryDriver(cloud, "tenant"),
        admin=MemoryDriver(cloud, "admin"),
        unreachable=MemoryDriver(dark, "tenant"),
        open=lambda values: MemoryDriver(cloud, values["project"]),
        full=full,
        remove_flavor=remove_flavor,
    )


def openstack(session: aiohttp.ClientSession) -> Cloud:
    """A region of the lab, and a port where nobody listens."""
    backend, credential = lab_access(LAB_REGION)
    admin = OpenStackDriver(*lab_access(f"{LAB_REGION}-admin"), session)
    nowhere = Backend("nowhere", "nowhere", "openstack", "http://127.0.0.1:9/v3", backend.region_name)

    async def remove_flavor(external_id: str) -> None:
        await admin.compute.send("DELETE", f"/flavors/{external_id}")

    return Cloud(
        driver=OpenStackDriver(backend, credential, session),
        admin=admin,
        unreachable=OpenStackDriver(nowhere, credential, session, timeout=5.0),
        open=lambda values: OpenStackDriver(backend, Credential(dict(values)), session),
        full=lambda: None,
        remove_flavor=remove_flavor,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=DRIVERS)
async def cloud(request: pytest.FixtureRequest) -> AsyncIterator[Cloud]:
    """Each driver in turn, over one client session per module."""
    async with aiohttp.ClientSession() as session:
        yield memory() if request.param == "memory" else openstack(session)


@pytest.fixture(scope="module")
def driver(cloud: Cloud) -> Driver:
    """The driver under test."""
    return cloud.driver


@pytest_asyncio.fixture(loop_scope="module")
async def bench(driver: Driver) -> AsyncIterator[Bench]:
    """A bench for one test; what it made is gone when the test is over."""
    bench = Bench(driver)
    try:
        yield bench
    finally:
        await bench.clear()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(driver: Driver) -> AsyncIterator[Ground]:
    """A network with a subnet, an image and a flavor for all tests of a module."""
    bench = Bench(driver)
    try:
        yield await grounded(bench)
    finally:
        await bench.clear()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab_driver() -> AsyncIterator[OpenStackDriver]:
    """A plain project of the lab, over connections of its own."""
    driver = OpenStackDriver(*lab_access(LAB_REGION))
    yield driver
    await driver.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab_admin() -> AsyncIterator[OpenStackDriver]:
    """The lab's administrator."""
    driver = OpenStackDriver(*lab_access(f"{LAB_REGION}-admin"))
    yield driver
    await driver.close()


@pytest_asyncio.fixture(loop_scope="module")
async def lab_bench(lab_driver: OpenStackDriver) -> AsyncIterator[Bench]:
    """A bench on the lab alone."""
    bench = Bench(lab_driver)
    try:
        yield bench
    finally:
        await bench.clear()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab_ground(lab_driver: OpenStackDriver) -> AsyncIterator[Ground]:
    """A network, an image and a flavor on the lab alone."""
    bench = Bench(lab_driver)
    try:
        yield await grounded(bench)
    finally:
        await bench.clear()

"""What the contract suite cannot ask of every driver: the memory cloud's time, its state machine and its faults."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import md5, sha512
from typing import Any

import pytest

from vregion.drivers.contract import Driver, Exhausted, Flavor, Gone, Observed, Permanent, Transient, Unsupported
from vregion.drivers.memory import MemoryCloud, MemoryDriver
from vregion.model.backend import Backend, Credential
from vregion.model.resource import Kind

EGRESS = [{"direction": "egress", "ethertype": version} for version in ("IPv4", "IPv6")]
SSH = {"direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22}


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cloud(clock: Clock) -> MemoryCloud:
    return MemoryCloud("test", clock)


@pytest.fixture
def driver(cloud: MemoryCloud) -> MemoryDriver:
    driver: Driver = MemoryDriver(cloud, "project")
    assert isinstance(driver, MemoryDriver)
    return driver


async def _bytes(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def _image(driver: MemoryDriver, mark: str = "image") -> str:
    body = {"name": "cirros", "disk_format": "raw", "container_format": "bare"}
    image = await driver.collections[Kind.IMAGE].create(mark, body)
    await driver.upload(image.external_id, _bytes(b"abc", b"def"), 6)
    return image.external_id


async def _port(driver: MemoryDriver, mark: str = "port", **fields: Any) -> Observed:
    networks = driver.collections[Kind.NETWORK]
    network = await networks.find("net") or await networks.create("net", {"name": "net"})
    if not network.document["subnets"]:
        body = {"network_id": network.external_id, "cidr": "10.0.0.0/28", "ip_version": 4}
        await driver.collections[Kind.SUBNET].create("sub", body)
    return await driver.collections[Kind.PORT].create(mark, {"network_id": network.external_id, **fields})


async def _server(driver: MemoryDriver, mark: str = "server", **fields: Any) -> Observed:
    body = {"name": "vm", "flavorRef": (await driver.flavors())[0].external_id, "networks": "none", **fields}
    if "imageRef" not in body:
        found = await driver.collections[Kind.IMAGE].find("image")
        body["imageRef"] = found.external_id if found else await _image(driver)
    return await driver.collections[Kind.SERVER].create(mark, body)


async def _act(driver: MemoryDriver, server: str, action: str, body: object = None) -> tuple[int, str]:
    answer = await driver.call(Kind.SERVER, server, "POST", "/action", {action: body})
    words = next(iter(answer.body.values())) if answer.body else ""
    return answer.status, words.get("message", "") if isinstance(words, dict) else str(words)


async def test_server_builds_in_the_clouds_time(driver: MemoryDriver, cloud: MemoryCloud, clock: Clock) -> None:
    cloud.settle_seconds = 2
    port = await _port(driver)
    made = await _server(driver, networks=[{"port": port.external_id}])
    assert not made.settled
    clock.pass_by(1.9)
    early = await driver.collections[Kind.SERVER].get(made.external_id)
    assert (early.document["status"], early.settled) == ("BUILD", False)
    clock.pass_by(0.1)
    there = await driver.collections[Kind.SERVER].get(made.external_id)
    assert (there.document["status"], there.settled) == ("ACTIVE", True)
    address = there.document["addresses"]["net"][0]
    assert address["addr"] == port.document["fixed_ips"][0]["ip_address"]
    assert address["OS-EXT-IPS-MAC:mac_addr"] == port.document["mac_address"]
    bound = await driver.collections[Kind.PORT].get(port.external_id)
    assert (bound.document["device_id"], bound.document["status"]) == (made.external_id, "ACTIVE")


async def test_server_that_fails_to_build_says_why(driver: MemoryDriver, cloud: MemoryCloud) -> None:
    cloud.faults.builds[Kind.SERVER] = ["No valid host was found."]
    made = await _server(driver)
    there = await driver.collections[Kind.SERVER].get(made.external_id)
    assert (there.document["status"], there.settled, there.failed) == ("ERROR", True, "No valid host was found.")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"flavorRef": "999"}, "Flavor 999 could not be found."),
        ({"imageRef": "nope"}, "Can not find requested image"),
        ({"networks": [{"port": "nope"}]}, "Port id nope could not be found."),
        ({"key_name": "nope"}, "Invalid key_name provided."),
        ({"availability_zone": "nope"}, "The requested availability zone is not available"),
        ({"os:scheduler_hints": {"group": "nope"}}, "Instance group nope could not be found."),
    ],
)
async def test_server_must_refer_to_what_exists(driver: MemoryDriver, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(Permanent) as refused:
        await _server(driver, **wrong)
    assert (refused.value.status, refused.value.message) == (400, words)
    assert driver.cloud.count(Kind.SERVER) == 0


async def test_server_walks_through_novas_states(driver: MemoryDriver) -> None:
    server = (await _server(driver)).external_id
    flavors = await driver.flavors()
    walk = [
        ("pause", None, "PAUSED"), ("unpause", None, "ACTIVE"), ("suspend", None, "SUSPENDED"),
        ("resume", None, "ACTIVE"), ("os-stop", None, "SHUTOFF"), ("reboot", {"type": "HARD"}, "ACTIVE"),
        ("rescue", None, "RESCUE"), ("unrescue", None, "ACTIVE"), ("shelve", None, "SHELVED_OFFLOADED"),
        ("unshelve", None, "ACTIVE"), ("resize", {"flavorRef": flavors[1].external_id}, "VERIFY_RESIZE"),
        ("revertResize", None, "ACTIVE"), ("resize", {"flavorRef": flavors[1].external_id}, "VERIFY_RESIZE"),
        ("confirmResize", None, "ACTIVE"),
    ]  # fmt: skip
    for action, body, status in walk:
        assert (await _act(driver, server, action, body))[0] in (200, 202, 204)
        assert (await driver.collections[Kind.SERVER].get(server)).document["status"] == status, action
    assert (await driver.collections[Kind.SERVER].get(server)).document["flavor"]["original_name"] == flavors[1].name


async def test_server_refuses_in_novas_words(driver: MemoryDriver, cloud: MemoryCloud) -> None:
    server = (await _server(driver)).external_id
    assert await _act(driver, server, "os-start") == (
        409,
        f"Cannot 'start' instance {server} while it is in vm_state active",
    )
    assert await _act(driver, server, "nope") == (400, "There is no such action: nope")
    same = (await driver.flavors())[0].external_id
    assert (await _act(driver, server, "resize", {"flavorRef": same}))[0] == 400
    cloud.settle_seconds = 1
    await _act(driver, server, "os-stop")
    assert await _act(driver, server, "os-stop") == (
        409,
        f"Cannot 'stop' instance {server} while it is in task_state powering-off",
    )
    await _act(driver, server, "lock", {"locked_reason": "mine"})
    with pytest.raises(Permanent, match="is locked"):
        await driver.collections[Kind.SERVER].delete(server)


async def test_image_of_a_server_has_its_bytes(driver: MemoryDriver) -> None:
    server = (await _server(driver)).external_id
    await driver.collections[Kind.SERVER].get(server)
    answer = await driver.call(Kind.SERVER, server, "POST", "/action", {"createImage": {"name": "copy"}})
    assert answer.status == 202
    assert answer.body is not None
    image = await driver.collections[Kind.IMAGE].get(answer.body["image_id"])
    assert (image.document["status"], image.document["checksum"]) == ("active", md5(b"abcdef").hexdigest())


async def test_image_bytes(driver: MemoryDriver) -> None:
    images = driver.collections[Kind.IMAGE]
    image = await images.create("i", {"name": "i", "disk_format": "raw", "container_format": "bare"})
    assert (image.document["status"], image.settled) == ("queued", False)
    with pytest.raises(Gone):
        [chunk async for chunk in driver.download(image.external_id)]
    with pytest.raises(Permanent, match="3 bytes instead of the 4"):
        await driver.upload(image.external_id, _bytes(b"abc"), 4)
    assert (await images.get(image.external_id)).document["status"] == "queued"
    await driver.upload(image.external_id, _bytes(b"abc", b"d"), 4)
    seen = (await images.get(image.external_id)).document
    assert (seen["size"], seen["os_hash_value"]) == (4, sha512(b"abcd").hexdigest())
    assert b"".join([chunk async for chunk in driver.download(image.external_id, 1)]) == b"bcd"
    with pytest.raises(Permanent) as refused:
        await driver.upload(image.external_id, _bytes(b"x"), 1)
    assert refused.value.status == 409


async def test_image_files_go_with_the_last_that_has_them(driver: MemoryDriver, cloud: MemoryCloud) -> None:
    image = await _image(driver)
    directory = cloud.file().parent
    volume = await driver.collections[Kind.VOLUME].create("v", {"imageRef": image, "size": 1})
    await driver.collections[Kind.IMAGE].delete(image)
    assert len(list(directory.iterdir())) == 1
    await driver.collections[Kind.VOLUME].get(volume.external_id)
    await driver.collections[Kind.VOLUME].delete(volume.external_id)
    cloud.settle()
    cloud.graves[Kind.VOLUME].clear()
    assert list(directory.iterdir()) == []


async def test_port_addresses_are_the_networks_own(driver: MemoryDriver) -> None:
    port = await _port(driver)
    address, mac = port.document["fixed_ips"][0]["ip_address"], port.document["mac_address"]
    for fields, status in (
        ({"fixed_ips": [{"ip_address": address}]}, 409),
        ({"mac_address": mac}, 409),
        ({"fixed_ips": [{"ip_address": "192.0.2.1"}]}, 400),
        ({"security_groups": ["nope"]}, 404),
    ):
        with pytest.raises(Permanent) as refused:
            await _port(driver, "other", **fields)
        assert refused.value.status == status
    assert driver.cloud.count(Kind.PORT) == 1
    moved = [{"ip_address": "10.0.0.9"}]
    await driver.collections[Kind.PORT].update(port.external_id, {"fixed_ips": moved})
    again = await _port(driver, "other", fixed_ips=[{"ip_address": address}], mac_address="fa:16:3e:00:00:01")
    assert again.document["fixed_ips"][0]["ip_address"] == address


async def test_network_goes_after_its_ports(driver: MemoryDriver) -> None:
    port = await _port(driver)
    network, subnet = port.document["network_id"], port.document["fixed_ips"][0]["subnet_id"]
    for kind, there in ((Kind.NETWORK, network), (Kind.SUBNET, subnet)):
        with pytest.raises(Transient, match=r"[oO]ne or more ports"):
            await driver.collections[kind].delete(there)
    await driver.collections[Kind.PORT].delete(port.external_id)
    await driver.collections[Kind.NETWORK].delete(network)
    assert [driver.cloud.count(kind) for kind in (Kind.NETWORK, Kind.SUBNET, Kind.PORT)] == [0, 0, 0]


async def test_security_group_gets_the_wanted_rules(driver: MemoryDriver) -> None:
    groups = driver.collections[Kind.SECURITY_GROUP]
    group = (await groups.create("g", {"name": "g"})).external_id
    foreign = SSH | {"id": "foreign", "port_range_min": 1, "port_range_max": 1, "description": "theirs"}
    driver.cloud.rows[Kind.SECURITY_GROUP][group].document["security_group_rules"].append(foreign)
    await groups.update(group, {"name": "g", "security_group_rules": [SSH, EGRESS[0]]})
    seen = (await groups.update(group, {"security_group_rules": [SSH, EGRESS[0]]})).document["security_group_rules"]
    assert sorted((rule["direction"], rule["description"]) for rule in seen) == sorted(
        [("egress", None), ("ingress", "theirs"), ("ingress", "vregion")], key=str
    )
    port = await _port(driver, security_groups=[group])
    with pytest.raises(Transient, match="in use"):
        await groups.delete(group)
    await driver.collections[Kind.PORT].delete(port.external_id)
    await groups.delete(group)


async def test_volume_is_attached_and_let_go(driver: MemoryDriver) -> None:
    volumes, server = driver.collections[Kind.VOLUME], (await _server(driver)).external_id
    volume = (await volumes.create("v", {"size": 1})).external_id
    attached = await driver.call(
        Kind.SERVER, server, "POST", "/os-volume_attachments", {"volumeAttachment": {"volumeId": volume}}
    )
    assert (attached.status, (await volumes.get(volume)).document["status"]) == (200, "in-use")
    with pytest.raises(Transient, match="Volume status must be available"):
        await volumes.delete(volume)
    there = await driver.collections[Kind.SERVER].get(server)
    assert [one["id"] for one in there.document["os-extended-volumes:volumes_attached"]] == [volume]
    extended = await driver.call(Kind.VOLUME, volume, "POST", "/action", {"os-extend": {"new_size": 2}})
    assert extended.status == 202
    seen = (await volumes.get(volume)).document
    assert (seen["size"], seen["status"]) == (2, "in-use")
    assert (await driver.call(Kind.SERVER, server, "DELETE", f"/os-volume_attachments/{volume}")).status == 202
    assert (await volumes.get(volume)).document["status"] == "available"
    gone = await driver.call(Kind.SERVER, server, "GET", f"/os-volume_attachments/{volume}")
    assert gone.status == 404


async def test_server_deletion_frees_ports_and_volumes(driver: MemoryDriver) -> None:
    port, image = await _port(driver), await _image(driver)
    kept = (await driver.collections[Kind.VOLUME].create("v", {"size": 1})).external_id
    await driver.collections[Kind.VOLUME].get(kept)
    disks = [
        {"source_type": "image", "uuid": image, "destination_type": "volume", "volume_size": 1, "boot_index": 0,
         "delete_on_termination": True},
        {"source_type": "volume", "uuid": kept, "destination_type": "volume", "boot_index": -1},
    ]  # fmt: skip
    networks = [{"port": port.external_id}]
    server = await _server(driver, imageRef=None, block_device_mapping_v2=disks, networks=networks)
    assert driver.cloud.count(Kind.VOLUME) == 2
    with pytest.raises(Permanent) as refused:
        await _server(driver, "second", imageRef=image, networks=networks)
    assert refused.value.status == 409
    await driver.collections[Kind.SERVER].delete(server.external_id)
    with pytest.raises(Gone):
        await driver.collections[Kind.SERVER].get(server.external_id)
    await driver.collections[Kind.SERVER].delete(server.external_id)
    assert [row.id for row in driver.cloud.of(Kind.VOLUME)] == [kept]
    assert (await driver.collections[Kind.VOLUME].get(kept)).document["status"] == "available"
    assert (await driver.collections[Kind.PORT].get(port.external_id)).document["device_id"] == ""


async def test_server_metadata_and_tags(driver: MemoryDriver) -> None:
    server = (await _server(driver)).external_id
    calls: list[tuple[str, str, dict[str, Any] | None, int]] = [
        ("PUT", "/metadata", {"metadata": {"a": "1"}}, 200), ("POST", "/metadata", {"metadata": {"b": "2"}}, 200),
        ("DELETE", "/metadata/a", None, 204), ("GET", "/metadata/a", None, 404), ("PUT", "/tags/x", None, 201),
        ("PUT", "/tags/x", None, 204), ("DELETE", "/tags/y", None, 404),
    ]  # fmt: skip
    for method, path, body, status in calls:
        assert (await driver.call(Kind.SERVER, server, method, path, body)).status == status, path
    seen = (await driver.collections[Kind.SERVER].get(server)).document
    assert (seen["metadata"], seen["tags"]) == ({"b": "2"}, ["x"])


async def test_changes_tell_of_deletions(driver: MemoryDriver, clock: Clock) -> None:
    one, two = await _server(driver, "one"), await _server(driver, "two")
    listed = await driver.changes(Kind.SERVER, None)
    assert {item.external_id for item in listed.items} == {one.external_id, two.external_id}
    clock.pass_by(1)
    assert (await driver.changes(Kind.SERVER, clock())).items == []
    await driver.collections[Kind.SERVER].delete(one.external_id)
    changed = (await driver.changes(Kind.SERVER, clock())).items
    assert [(item.external_id, item.absent) for item in changed] == [(one.external_id, True)]
    with pytest.raises(Unsupported):
        await driver.changes(Kind.NETWORK, None)


async def test_a_mark_that_somebody_took_away_is_not_found(driver: MemoryDriver) -> None:
    server = (await _server(driver)).external_id
    assert await driver.collections[Kind.SERVER].find("server")
    await driver.call(Kind.SERVER, server, "DELETE", "/tags")
    assert await driver.collections[Kind.SERVER].find("server") is None


async def test_faults_leave_orphans_that_are_found(driver: MemoryDriver, cloud: MemoryCloud) -> None:
    networks = driver.collections[Kind.NETWORK]
    cloud.faults.fail_next(Kind.NETWORK, "create", when="after")
    with pytest.raises(Transient):
        await networks.create("m", {"name": "n"})
    found = await networks.find("m")
    assert found is not None
    cloud.faults.fail_next(Kind.NETWORK, "create", Exhausted("full"))
    with pytest.raises(Exhausted):
        await networks.create("m2", {"name": "n"})
    assert await networks.find("m2") is None
    assert (cloud.faults.count("create", Kind.NETWORK), cloud.count(Kind.NETWORK)) == (1, 1)
    cloud.faults.down = True
    with pytest.raises(Transient) as refused:
        await networks.get(found.external_id)
    assert not refused.value.reachable


async def test_crash_and_latency_hooks(driver: MemoryDriver, cloud: MemoryCloud) -> None:
    moments: list[tuple[str, str]] = []
    slept: list[float] = []

    async def crash(moment: str, operation: str, kind: Kind | None) -> None:
        moments.append((moment, operation))
        if moment == "after":
            raise SystemError("killed here")

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    cloud.faults.crash, cloud.faults.sleep, cloud.faults.latency = crash, sleep, 3
    with pytest.raises(SystemError):
        await driver.collections[Kind.NETWORK].create("m", {"name": "n"})
    assert (moments, slept, cloud.count(Kind.NETWORK)) == ([("before", "create"), ("after", "create")], [3], 1)


async def test_projects_quotas_and_flavors(driver: MemoryDriver, cloud: MemoryCloud) -> None:
    values = await driver.project_open("tenant", "mark")
    assert await driver.project_open("tenant", "mark") == values
    other = MemoryDriver(cloud, values["project"])
    network = await other.collections[Kind.NETWORK].create("m", {"name": "n"})
    with pytest.raises(Gone):
        await driver.collections[Kind.NETWORK].get(network.external_id)
    cloud.quotas[Kind.NETWORK] = 1
    with pytest.raises(Exhausted):
        await other.collections[Kind.NETWORK].create("m2", {"name": "n"})
    cloud.delete_behind_back(Kind.NETWORK, network.external_id)
    with pytest.raises(Gone):
        await other.collections[Kind.NETWORK].get(network.external_id)
    await driver.project_close("mark")
    with pytest.raises(Transient):
        await other.flavors()
    made = await driver.create_flavor(Flavor("", "big", 8, 16384, 80))
    assert made in await driver.flavors()
    cloud.flavors_forbidden = True
    with pytest.raises(Permanent) as refused:
        await driver.create_flavor(Flavor("", "bigger", 8, 16384, 80))
    assert refused.value.status == 403


async def test_what_others_delete_leaves_nothing_dangling(driver: MemoryDriver, cloud: MemoryCloud) -> None:
    group = await driver.collections[Kind.SECURITY_GROUP].create("g", {"name": "g"})
    port = await _port(driver, security_groups=[group.external_id])
    server = (await _server(driver, networks=[{"port": port.external_id}])).external_id
    volume = (await driver.collections[Kind.VOLUME].create("v", {"size": 1})).external_id
    body = {"volumeAttachment": {"volumeId": volume}}
    assert (await driver.call(Kind.SERVER, server, "POST", "/os-volume_attachments", body)).status == 200
    cloud.delete_behind_back(Kind.SECURITY_GROUP, group.external_id)
    assert (await driver.collections[Kind.PORT].get(port.external_id)).document["security_groups"] == []
    cloud.delete_behind_back(Kind.NETWORK, port.document["network_id"])
    cloud.delete_behind_back(Kind.VOLUME, volume)
    seen = (await driver.collections[Kind.SERVER].get(server)).document
    assert (seen["addresses"], seen["os-extended-volumes:volumes_attached"]) == ({}, [])
    cloud.delete_behind_back(Kind.SERVER, server)
    assert [cloud.count(kind) for kind in Kind if kind is not Kind.IMAGE] == [0] * (len(Kind) - 1)


async def test_deletion_is_not_overtaken(driver: MemoryDriver, cloud: MemoryCloud, clock: Clock) -> None:
    cloud.settle_seconds = 2
    server = (await _server(driver, imageRef=await _image(driver))).external_id
    clock.pass_by(1)
    await driver.collections[Kind.SERVER].delete(server)
    clock.pass_by(1.5)
    there = await driver.collections[Kind.SERVER].get(server)
    assert (there.settled, there.document["OS-EXT-STS:task_state"]) == (False, "deleting")
    clock.pass_by(1)
    with pytest.raises(Gone):
        await driver.collections[Kind.SERVER].get(server)


async def test_another_projects_public_image_is_read_only(driver: MemoryDriver, cloud: MemoryCloud) -> None:
    image = await _image(driver)
    await driver.collections[Kind.IMAGE].update(image, {"visibility": "public"})
    other = MemoryDriver(cloud, "other").collections[Kind.IMAGE]
    assert (await other.get(image)).document["status"] == "active"
    with pytest.raises(Permanent):
        await other.update(image, {"name": "mine"})
    with pytest.raises(Permanent):
        await other.delete(image)


async def test_a_binding_opens_the_cloud_of_its_address() -> None:
    backend = Backend("b", "b", "memory", "memory://test-open", "")
    one, two = (MemoryDriver.open(backend, Credential({"project": project})) for project in ("p", "q"))
    assert one.cloud is two.cloud is MemoryCloud.at("memory://test-open")
    assert (one.project_id, two.project_id) == ("p", "q")


async def test_limits_of_cores_and_gigabytes(cloud: MemoryCloud, driver: MemoryDriver) -> None:
    """What is used counts for each project by itself, and is free again when it is gone."""
    cloud.limits = {"cores": 1, "gigabytes": 5}
    volumes = driver.collections[Kind.VOLUME]
    made = await volumes.create("m1", {"size": 4})
    words = "Quota exceeded for gigabytes: Requested 2, but already used 4 of 5 gigabytes"
    with pytest.raises(Exhausted, match=words):
        await volumes.create("m2", {"size": 2})
    await MemoryDriver(cloud, "another").collections[Kind.VOLUME].create("m3", {"size": 5})
    assert (await driver.room())["gigabytes"] == (5, 4)
    await volumes.get(made.external_id)
    await volumes.delete(made.external_id)
    with pytest.raises(Gone):
        await volumes.get(made.external_id)
    assert await driver.room() == {
        "instances": (-1, 0), "cores": (1, 0), "ram": (-1, 0), "volumes": (-1, 0), "gigabytes": (5, 0)
    }  # fmt: skip

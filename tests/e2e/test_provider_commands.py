"""The provider's own commands over two real regions whose Keystones know nothing of each other."""

import json
from typing import Any

import pytest

from tests.e2e.cloud import Cloud
from tests.e2e.rig import ZONES, Rig

pytestmark = pytest.mark.lab


def told(rig: Rig, *words: str) -> Any:
    return json.loads(rig.vregion(*words, "-f", "json"))


def test_a_check_tells_what_a_cloud_is(rig: Rig) -> None:
    found = {name: told(rig, "backend", "check", name) for name in ("cloud1", "cloud2")}
    assert {backend["state"] for backend in found.values()} == {"ready"}
    for backend in found.values():
        report = backend["report"]
        assert {"identity", "compute", "network", "volume", "image"} <= report["services"].keys()
        assert not report["missing"]
        assert {"flavor.create", "project.open", "server.changes"} <= set(report["capabilities"])
    newest = [backend["report"]["services"]["compute"]["microversion"] for backend in found.values()]
    assert newest[0] != newest[1] == "2.96"


def test_a_wrong_password_is_told_and_nothing_is_kept(rig: Rig) -> None:
    auth = rig.lab["region1-admin"]["auth"]
    words = ("--address", auth["auth_url"], "--region-name", "region1", "--credential", "username=admin")
    complaint = rig.vregion("backend", "add", "wrong", *words, "--password-file", "-", secret="not-it", fails=True)
    assert "wrong" in complaint
    assert "not-it" not in complaint
    assert [backend["name"] for backend in told(rig, "backend", "list")] == ["cloud1", "cloud2"]


def test_a_backend_in_use_is_not_forgotten(rig: Rig) -> None:
    assert "acme/az1" in rig.vregion("backend", "remove", "cloud1", fails=True)


def test_a_tenant_has_a_project_of_his_own_in_each_region(rig: Rig) -> None:
    for zone in rig.zones():
        admin = rig.direct(ZONES[zone["availability_zone"]])
        (project,) = admin.call("identity", "GET", f"/projects?tags=vregion:{zone['binding_id']}")["projects"]
        assert project["name"] == f"acme-{zone['availability_zone']}"
        (user,) = admin.call("identity", "GET", f"/users?name=vregion:{zone['binding_id']}")["users"]
        held = admin.call("identity", "GET", f"/role_assignments?user.id={user['id']}&include_names")
        assert {(role["role"]["name"], role["scope"]["project"]["id"]) for role in held["role_assignments"]} == {
            ("member", project["id"])
        }


def test_closing_a_tenant_leaves_nothing_of_him(rig: Rig) -> None:
    rig.open_tenant("shortlived", az1="cloud1", az2="cloud2")
    assert rig.tenant("shortlived").listed("server") == []
    rig.vregion("tenant", "close", "shortlived")
    for region in ZONES.values():
        admin = rig.direct(region)
        for zone in ZONES:
            assert admin.call("identity", "GET", f"/projects?name=shortlived-{zone}")["projects"] == []
    assert [tenant["name"] for tenant in told(rig, "tenant", "list")] == ["acme"]


def test_a_flavor_is_found_by_what_it_is_and_made_where_it_is_not(rig: Rig, acme: Cloud) -> None:
    before = [by_name(rig.direct(region)) for region in ZONES.values()]
    made = told(rig, "flavor", "add", "v1.wide", "vcpus=4", "ram=8192", "disk=80")
    try:
        after = [by_name(rig.direct(region)) for region in ZONES.values()]
        assert after[0] == before[0]
        new = after[1].keys() - before[1].keys()
        assert new == {"v1.wide"}
        shape = after[1]["v1.wide"]
        assert (shape["vcpus"], shape["ram"], shape["disk"]) == (4, 8192, 80)
        assert made["id"] in {flavor["id"] for flavor in acme.call("compute", "GET", "/flavors")["flavors"]}
    finally:
        rig.vregion("flavor", "remove", made["id"])
        second = rig.direct(2)
        second.call("compute", "DELETE", f"/flavors/{by_name(second)['v1.wide']['id']}")


def by_name(cloud: Cloud) -> dict[str, Any]:
    flavors = cloud.call("compute", "GET", "/flavors/detail?is_public=None")["flavors"]
    return {flavor["name"]: flavor for flavor in flavors}

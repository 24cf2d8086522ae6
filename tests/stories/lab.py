"""The stories' words for a bare region of the lab: the same stories, told to the real services."""

import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests
import yaml

from tests.stories.furniture import call, furnish, remove

CLOUDS = Path(os.environ.get("LAB_STATE", "/var/tmp/lab")) / "clouds.yaml"
ENDPOINTS = {"COMPUTE": "compute", "NETWORK": "network", "VOLUME": "block-storage", "IMAGE": "image"}
VERSIONS = {"NETWORK": "/v2.0", "IMAGE": "/v2"}


def lab_environment(cloud: str) -> dict[str, str]:
    """Words for the cloud of that name in the lab's clouds.yaml (its readers and managers have its name + -reader)."""
    clouds = yaml.safe_load(CLOUDS.read_text())["clouds"]
    words: dict[str, str] = {}
    for word, name in (("TOKEN", cloud), ("READER", f"{cloud}-reader"), ("MANAGER", f"{cloud}-manager")):
        words[word], body = sign_in(clouds[name])
        if word == "TOKEN":
            words["PROJECT"] = body["project"]["id"]
            catalog = {service["type"]: service["endpoints"] for service in body["catalog"]}
    words["ADMIN"], _ = sign_in(clouds[f"{cloud}-admin"])
    for word, service in ENDPOINTS.items():
        public = next(e["url"] for e in catalog[service] if e["interface"] == "public")
        words[word] = public.rstrip("/") + VERSIONS.get(word, "")
    flavors = call(words, "GET", words["COMPUTE"] + "/flavors/detail?sort_key=memory_mb")["flavors"]
    words["FLAVOR"], words["FLAVOR_ALT"] = (flavor["id"] for flavor in flavors[:2])
    name = f"story-private-{uuid4().hex[:8]}"  # one that other stories may have left is in nobody's way
    private = {"name": name, "vcpus": 2, "ram": 1000, "disk": 3, "os-flavor-access:is_public": False}
    made = call(words, "POST", words["COMPUTE"] + "/flavors", json={"flavor": private}, headers=_admin(words))
    words["FLAVOR_PRIVATE"] = made["flavor"]["id"]
    zones = call(words, "GET", words["COMPUTE"] + "/os-availability-zone")["availabilityZoneInfo"]
    words["ZONE"] = zones[0]["zoneName"]
    return words | furnish(words)


def remove_leftovers(words: dict[str, str]) -> None:
    """The lab outlives the stories; nothing of them does."""
    remove(words)
    call(words, "DELETE", f"{words['COMPUTE']}/flavors/{words['FLAVOR_PRIVATE']}", headers=_admin(words))


def _admin(words: dict[str, str]) -> dict[str, str]:
    return {"X-Auth-Token": words["ADMIN"]}


def sign_in(cloud: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A token of a user of clouds.yaml, and what Keystone says of it."""
    given = cloud["auth"]
    user = {"name": given["username"], "password": given["password"], "domain": {"id": given["user_domain_id"]}}
    project = {"name": given["project_name"], "domain": {"id": given["project_domain_id"]}}
    auth: Any = {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": {"project": project}}
    answer = requests.post(f"{given['auth_url']}/auth/tokens", json={"auth": auth}, timeout=30)
    answer.raise_for_status()
    return answer.headers["X-Subject-Token"], answer.json()["token"]

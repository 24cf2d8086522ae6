"""What every story may use: a bootable image and a network with a subnet, made by plain calls to either target."""

import time
from typing import Any

import requests


def call(words: dict[str, str], method: str, url: str, **more: Any) -> Any:
    """One request as the member; the decoded answer."""
    headers = {"X-Auth-Token": words["TOKEN"], **more.pop("headers", {})}
    answer = requests.request(method, url, headers=headers, timeout=60, **more)
    assert answer.status_code < 300, f"{method} {url}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content and "json" in answer.headers.get("Content-Type", "") else None


def furnish(words: dict[str, str]) -> dict[str, str]:
    """The image's and the network's ids, as a story's words."""
    image = call(
        words,
        "POST",
        words["IMAGE"] + "/images",
        json={"name": "story-image", "disk_format": "raw", "container_format": "bare"},
    )["id"]
    octets = {"Content-Type": "application/octet-stream"}
    call(words, "PUT", f"{words['IMAGE']}/images/{image}/file", data=b"vregion!" * 8192, headers=octets)
    network = call(words, "POST", words["NETWORK"] + "/networks", json={"network": {"name": "story-network"}})
    network_id = network["network"]["id"]
    subnet = {"network_id": network_id, "ip_version": 4, "cidr": "10.77.0.0/24", "name": "story-subnet"}
    subnet_id = call(words, "POST", words["NETWORK"] + "/subnets", json={"subnet": subnet})["subnet"]["id"]
    return {"IMAGE_ID": image, "NETWORK_ID": network_id, "SUBNET_ID": subnet_id}


def remove(words: dict[str, str]) -> None:
    """Take the furniture away; what a story left on the network makes this fail, as it should."""
    for _ in range(60):
        if not call(words, "GET", f"{words['NETWORK']}/ports?network_id={words['NETWORK_ID']}&device_owner=compute:")[
            "ports"
        ]:
            break
        time.sleep(0.5)
    call(words, "DELETE", f"{words['NETWORK']}/networks/{words['NETWORK_ID']}")
    call(words, "DELETE", f"{words['IMAGE']}/images/{words['IMAGE_ID']}")

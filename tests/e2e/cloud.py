"""Plain HTTP to one OpenStack, be it vregion or a real region: what the end-to-end tests speak beside the CLIs.

The same code serves both sides, so that a test compares what vregion says with what the region says in one language.
It waits, but it never retries a request.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import requests

COMPUTE, VOLUME = "2.96", "3.70"  # what every region of the lab knows
TYPES = {
    "compute": "compute",
    "network": "network",
    "volume": "block-storage",
    "image": "image",
    "identity": "identity",
}
SUFFIXES = {"network": "/v2.0", "image": "/v2", "identity": "/v3"}
PLACES = {
    "server": ("compute", "/servers"),
    "keypair": ("compute", "/os-keypairs"),
    "server_group": ("compute", "/os-server-groups"),
    "network": ("network", "/networks"),
    "subnet": ("network", "/subnets"),
    "port": ("network", "/ports"),
    "router": ("network", "/routers"),
    "security_group": ("network", "/security-groups"),
    "volume": ("volume", "/volumes"),
    "snapshot": ("volume", "/snapshots"),
    "image": ("image", "/images"),
}
DETAILED = {"server": "/detail", "volume": "/detail", "snapshot": "/detail"}


class Cloud:
    """One user in one project. `make`, `show`, `listed` and `drop` know where a noun lives; `send` takes any path."""

    def __init__(self, auth: Mapping[str, Any], region_name: str, timeout: float = 120) -> None:
        self.timeout = timeout
        token = self._sign_in(auth)
        self.project_id: str = token.get("project", {}).get("id", "")
        self.user_id: str = token["user"]["id"]
        self._urls = {"identity": str(auth["auth_url"])}
        for service in token.get("catalog", ()):
            for endpoint in service["endpoints"]:
                if endpoint["interface"] == "public" and endpoint["region_id"] == region_name:
                    self._urls.setdefault(service["type"], endpoint["url"])

    def _sign_in(self, auth: Mapping[str, Any]) -> Any:
        """A token for a project, or with no project given for the user's domain."""
        user = {"name": auth["username"], "password": auth["password"], "domain": _domain(auth, "user")}
        scope: dict[str, Any] = {"domain": _domain(auth, "user")}
        if project := auth.get("project_id"):
            scope = {"project": {"id": project}}
        elif project := auth.get("project_name"):
            scope = {"project": {"name": project, "domain": _domain(auth, "project")}}
        body: Any = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        answer = requests.post(auth["auth_url"].rstrip("/") + "/auth/tokens", json=body, timeout=60)
        assert answer.status_code == 201, answer.text
        self.token = answer.headers["X-Subject-Token"]
        return answer.json()["token"]

    def url(self, service: str) -> str:
        """Where a service of the catalog answers, with its version."""
        url, suffix = self._urls[TYPES[service]].rstrip("/"), SUFFIXES.get(service, "")
        return url if url.endswith(suffix) else url + suffix

    def send(self, service: str, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """The answer as it is; what is `more` goes to requests."""
        versions = {"compute": f"compute {COMPUTE}", "volume": f"volume {VOLUME}"}
        headers = {"X-Auth-Token": self.token}
        headers |= {"OpenStack-API-Version": versions[service]} if service in versions else {}
        headers |= more.pop("headers", {})
        more.setdefault("timeout", self.timeout)
        return requests.request(method, self.url(service) + path, json=body, headers=headers, **more)

    def call(self, service: str, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The decoded answer; an assertion on its status."""
        answer = self.send(service, method, path, body, **more)
        assert answer.status_code < 400, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content and "json" in answer.headers.get("Content-Type", "") else None

    def make(self, noun: str, **fields: Any) -> Any:
        """A new thing, as the create answered."""
        service, path = PLACES[noun]
        if noun == "image":
            return self.call(service, "POST", path, fields)
        body: dict[str, Any] = {noun: fields}
        if noun == "server" and "os:scheduler_hints" in fields:
            body["os:scheduler_hints"] = fields.pop("os:scheduler_hints")
        return self.call(service, "POST", path, body)[noun]

    def show(self, noun: str, name: str) -> Any:
        """The thing now."""
        service, path = PLACES[noun]
        found = self.call(service, "GET", f"{path}/{name}")
        return found if noun == "image" else found[noun]

    def listed(self, noun: str, query: str = "") -> list[Any]:
        """All that a list shows, with details where the list has such a form."""
        service, path = PLACES[noun]
        answer = self.call(service, "GET", f"{path}{DETAILED.get(noun, '')}{query}")
        found: list[Any] = answer[noun + "s"]
        return [item["keypair"] for item in found] if noun == "keypair" else found

    def drop(self, noun: str, name: str) -> None:
        """Ask for its end."""
        service, path = PLACES[noun]
        self.call(service, "DELETE", f"{path}/{name}")

    def act(self, server: str, action: str, value: Any = None) -> Any:
        """A server action."""
        return self.call("compute", "POST", f"/servers/{server}/action", {action: value})

    def status(self, noun: str, name: str, wanted: str, seconds: float = 90) -> Any:
        """The thing, once it has that status; at once an assertion when it is in error instead."""

        def reached() -> Any:
            seen = self.show(noun, name)
            assert wanted.lower() == "error" or seen["status"].lower() != "error", seen
            return seen if seen["status"] == wanted else None

        return until(reached, seconds, f"{noun} {name} is {wanted}")

    def gone(self, noun: str, name: str, seconds: float = 90) -> None:
        """Wait for the 404."""
        service, path = PLACES[noun]
        until(lambda: self.send(service, "GET", f"{path}/{name}").status_code == 404, seconds, f"{noun} {name} is gone")

    def network(self, name: str, cidr: str = "10.50.0.0/24", **fields: Any) -> str:
        """A network with one subnet; its id."""
        network: str = self.make("network", name=name, **fields)["id"]
        self.make("subnet", network_id=network, ip_version=4, cidr=cidr, name=f"{name}-v4")
        return network

    def image(self, name: str, data: bytes) -> str:
        """An active image; its id."""
        made: str = self.make("image", name=name, disk_format="raw", container_format="bare")["id"]
        octets = {"Content-Type": "application/octet-stream"}
        self.call("image", "PUT", f"/images/{made}/file", data=data, headers=octets)
        self.status("image", made, "active")
        return made


def until(what: Callable[[], Any], seconds: float = 60, words: str = "it", every: float = 0.2) -> Any:
    """The first true value of `what`; an assertion when there is none in time."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f"not within {seconds} s: {words}"
        time.sleep(every)
    return found


def _domain(auth: Mapping[str, Any], whose: str) -> dict[str, str]:
    name = auth.get(f"{whose}_domain_name")
    return {"name": name} if name else {"id": auth.get(f"{whose}_domain_id", "default")}

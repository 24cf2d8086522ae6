"""A small REST client of one region, as one of its users.

The bootstrap, the readiness check and the proofs use it: the standard library only, one connection per request.
What answers with another code than a good one ends the program with the service's own words.
"""

import http.client
import json
from typing import Any

from lab.regions import PORTS, Region

Answer = tuple[int, http.client.HTTPMessage, bytes]


class Cloud:
    """Calls to the services of `region` with a token for `user` in `project`."""

    def __init__(self, region: Region, user: str = "admin", project: str = "admin") -> None:
        self.region, self.user, self.project = region, user, project
        self.token = ""
        self.project_id = ""

    def login(self) -> "Cloud":
        who = {"name": self.user, "domain": {"id": "default"}, "password": self.region.password}
        scope = {"project": {"name": self.project, "domain": {"id": "default"}}}
        identity = {"methods": ["password"], "password": {"user": who}}
        body = {"auth": {"identity": identity, "scope": scope}}
        status, headers, content = self.raw("keystone", "POST", "/v3/auth/tokens", body)
        if status != 201:
            raise SystemExit(f"{self.region.name}: no token: {status} {content[:500]!r}")
        self.token = headers["X-Subject-Token"]
        self.project_id = json.loads(content)["token"]["project"]["id"]
        return self

    def raw(self, service: str, method: str, path: str, body: object = None) -> Answer:
        """One request; bytes go out as they are, all else as JSON."""
        binary = isinstance(body, bytes)
        headers = {"Content-Type": "application/octet-stream" if binary else "application/json"}
        if self.token:
            headers["X-Auth-Token"] = self.token
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection(self.region.ip, PORTS[service], timeout=300)
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def __call__(self, service: str, method: str, path: str, body: object = None) -> Any:
        status, _, content = self.raw(service, method, path, body)
        if status not in (200, 201, 202, 204):
            raise SystemExit(f"{self.region.name} {service} {method} {path} -> {status} {content[:800]!r}")
        return json.loads(content) if content else None

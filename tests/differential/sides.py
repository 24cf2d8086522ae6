"""The two that are asked the same: vregion in memory and a bare region. What they answered, and what differs.

Each side has furniture of its own, named by the same words. What a request made is taken away again at once.
"""

import json
import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import requests

from tests.differential.mutations import ABSENT, FURNITURE, Asked, newest
from tests.stories.shapes import differences, shape

WORD = re.compile(r"\$([A-Z][A-Z0-9_]*)")
SETTLED = {"/servers": ("ACTIVE", "ERROR"), "/volumes": ("available", "error"), "/snapshots": ("available", "error")}
QUOTAS = re.compile(r"/(os-quota-sets|quotas)/")
NOTHING = "0ddba11c-0000-4000-8000-000000000000"
ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
REQUEST_ID = re.compile(r"req-<id>|0x[0-9a-f]+|https?://[^ \"/]+(/[a-z-]+)?/v[0-9.]+")
SET = re.compile(r"{('[^']*'(, '[^']*')+)}")  # Python tells one in any order, another one in each process


@dataclass(frozen=True)
class Answer:
    """A status, and the decoded body (text where it is no JSON)."""

    status: int
    body: Any

    @property
    def fault(self) -> str:
        """A refusal's body as text, without what is nobody's fault: ids, addresses of endpoints."""
        text = self.body if isinstance(self.body, str) else json.dumps(self.body, sort_keys=True, ensure_ascii=False)
        plain = REQUEST_ID.sub("<there>", ID.sub("<id>", text))
        return " ".join(SET.sub(_in_order, plain).split()) if self.status >= 400 else ""


@dataclass
class Side:
    """`words` are the stories' words for it; `who`: the word of the token that requests are sent with."""

    words: dict[str, str]
    who: str = "TOKEN"
    http: requests.Session = field(default_factory=requests.Session)

    def furnish(self, needed: list[str]) -> None:
        """Make this furniture of requests.yaml."""
        self.words["NOTHING"] = NOTHING
        for word in needed:
            how = FURNITURE[word]
            method, body = ("POST", how["body"]) if "body" in how else ("GET", ABSENT)
            asked = Asked("", method, how["service"], how["path"], body, microversion=how.get("version", ""))
            made = self.send(asked, how.get("who", "TOKEN"))
            assert made.status < 300, (word, made)
            self.words[word] = _ids(made.body)[0]
            if "settles" in how:
                self.settle(how["service"], f"{how['path']}/{self.words[word]}", how["settles"])

    def clear(self) -> None:
        """Take it away, last made first."""
        for word, how in [one for one in reversed(FURNITURE.items()) if one[0] in self.words and "body" in one[1]]:
            self.remove(how["service"], f"{how['path']}/{self.words[word]}", "ADMIN")

    def send(self, asked: Asked, who: str = "") -> Answer:
        """One request with this side's ids."""
        # A connection that rests is closed by its server now and then, just when the next request comes.
        headers = {"Content-Type": "application/json", "Connection": "close"}
        headers["X-Auth-Token"] = self.words[who or self.who]
        if asked.service == "IMAGE" and asked.method == "PATCH":
            headers["Content-Type"] = "application/openstack-images-v2.1-json-patch"
        if asked.microversion:
            headers["OpenStack-API-Version"] = asked.microversion
        data = asked.body if isinstance(asked.body, bytes) else None
        if asked.body is not ABSENT and data is None:
            data = json.dumps(self._own(asked.body)).encode()
        query = [(key, self._own(value)) for key, value in asked.query]
        url = self.words[asked.service] + self._own(asked.path)
        answer = self.http.request(asked.method, url, params=query, data=data, headers=headers, timeout=120)
        try:
            return Answer(answer.status_code, answer.json() if answer.content else "")
        except ValueError:
            return Answer(answer.status_code, answer.text)

    def after(self, asked: Asked, answer: Answer) -> None:
        """Take away what was made; wait until what was changed is as it was."""
        parts = asked.path.split("/")
        if asked.method == "PUT" and QUOTAS.match(asked.path):  # what follows is not refused for that
            self.send(Asked("", "DELETE", asked.service, asked.path), "ADMIN")
        if asked.method == "PUT" and len(parts) == 4 and parts[1] == "metadefs" and answer.status < 300:
            name = quote(asked.body["namespace"])
            self.send(
                Asked("", "PUT", "IMAGE", f"/metadefs/namespaces/{name}", FURNITURE["NAMESPACE"]["body"]), "ADMIN"
            )
        if answer.status >= 300 or asked.method != "POST":
            return
        if len(parts) == 2 or asked.path in ("/qos/policies", "/metadefs/namespaces"):
            for made in _ids(answer.body):
                self.remove(asked.service, f"{asked.path}/{made}", version=asked.microversion)
        elif parts[-1] == "action" and f"/{parts[1]}" in SETTLED:
            if "lock" in asked.body:  # else the next requests are all refused for that, and it does not go
                self.send(Asked("", "POST", asked.service, asked.path, {"unlock": None}))
            self.settle(asked.service, "/".join(parts[:-1]))
        if (
            "createImage" in str(asked.body)
            or "createBackup" in str(asked.body)
            or "reservation_id" in str(answer.body)
        ):
            self.sweep()

    def sweep(self) -> None:
        """Servers and images that no answer named."""
        for service, path, kept in (("COMPUTE", "/servers", "SERVER"), ("IMAGE", "/images", "IMAGE_ID")):
            listed = self.send(Asked("", "GET", service, path)).body[path[1:]]
            for one in listed:
                if one["id"] != self.words.get(kept) and one.get("visibility", "private") == "private":
                    self.remove(service, f"{path}/{one['id']}")

    def settle(self, service: str, path: str, status: str = "") -> None:
        """Wait until it rests."""
        collection = "/" + self._own(path).split("/")[1]
        for _ in range(240):
            body = self.send(Asked("", "GET", service, path)).body
            one = next(iter(body.values()))
            if one["status"] in SETTLED[collection] and not one.get("OS-EXT-STS:task_state"):
                assert status in ("", one["status"]), one
                return
            time.sleep(0.25)
        raise AssertionError(f"{path} does not settle: {one}")

    def remove(self, service: str, path: str, who: str = "", version: str = "") -> None:
        """Delete it and wait until it is gone. `version`: one that has it, if the newest has not."""
        version = version or newest(service)
        for _ in range(240):
            if self.send(Asked("", "DELETE", service, path, microversion=version), who).status == 404:
                return
            if self.send(Asked("", "GET", service, path, microversion=version), who).status in (404, 405):
                return
            time.sleep(0.25)
        raise AssertionError(f"{path} does not go")

    def _own(self, value: Any) -> Any:
        """$WORDS in a value, put in."""
        if isinstance(value, str):
            return WORD.sub(lambda found: self.words[found[1]], value)
        if isinstance(value, dict):
            return {self._own(key): self._own(item) for key, item in value.items()}
        return [self._own(item) for item in value] if isinstance(value, list) else value


def differ(asked: Asked, real: Answer, ours: Answer) -> list[str]:
    """What is not alike in two answers; nothing if they are."""
    if real.status != ours.status:
        return [f"status {real.status} there, {ours.status} here: {real.fault or '-'} | {ours.fault or '-'}"]
    if real.status >= 400:
        return [] if real.fault == ours.fault else [f"{real.status} {real.fault} there | {ours.fault} here"]
    return differences(shape(real.body), shape(ours.body)) + _echoes(asked.body, real.body, ours.body)


def _echoes(asked: Any, real: Any, ours: Any, where: str = "") -> list[str]:
    """What was asked for and is told back otherwise."""
    if isinstance(asked, dict) and isinstance(real, dict) and isinstance(ours, dict):
        keys = sorted(asked.keys() & real.keys() & ours.keys())
        return [d for key in keys for d in _echoes(asked[key], real[key], ours[key], f"{where}.{key}")]
    if where.count(".") == 1 and all(_are_many(one) for one in (asked, real, ours)):
        items = enumerate(zip(asked, real, ours, strict=False))
        return [d for index, (a, r, o) in items for d in _echoes(a, r, o, f"{where}[{index}]")]
    if where == ".tags" and isinstance(real, list) and isinstance(ours, list):  # a set, in any order
        real, ours = sorted(real, key=_told), sorted(ours, key=_told)
    alike = not where or _told(real) == _told(ours)
    return [] if alike else [f"{where}: {_told(real)} there, {_told(ours)} here"]


def _are_many(value: Any) -> bool:
    """Whether it is several of a kind in one request, or in its answer."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _in_order(found: re.Match[str]) -> str:
    return f"{{{', '.join(sorted(found[1].split(', ')))}}}"


def _told(value: Any) -> str:
    return ID.sub("<id>", json.dumps(value, sort_keys=True, ensure_ascii=False))


def _ids(body: Any) -> list[str]:
    """How what was made is called."""
    if not isinstance(body, dict):
        return []
    if "id" in body or "namespace" in body:
        return [str(body.get("id", body.get("namespace")))]
    inner = next(iter(body.values()), None)
    made = inner if isinstance(inner, list) else [inner]
    return [
        str(one["name"] if "fingerprint" in one else one["id"])
        for one in made
        if isinstance(one, dict) and ("id" in one or "fingerprint" in one)
    ]

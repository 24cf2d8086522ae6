"""The shapes of Cinder's answers at every microversion: which keys there are, and of which type.

`python -m tests.stories.shapes region1` asks a bare region of the lab and writes shapes.json beside this file: for each
request the shapes, each with the first microversion that has it. tests/stories/test_shapes.py holds vregion to them.
"""

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import requests

from tests.stories.furniture import call
from tests.stories.lab import lab_environment, remove_leftovers

FILE = Path(__file__).with_suffix(".json")
NEWEST = 71
# Request -> the first microversion that has it. {volume} and so on: ids of `furnish`.
REQUESTS = {
    "/volumes": 0,
    "/volumes/detail": 0,
    "/volumes/{volume}": 0,
    "/volumes/summary": 12,
    "/volumes/{volume}/metadata": 0,
    "/volumes/{volume}/encryption": 0,
    "/snapshots": 0,
    "/snapshots/detail": 0,
    "/snapshots/{snapshot}": 0,
    "/snapshots/{snapshot}/metadata": 0,
    "/types": 0,
    "/types/default": 0,
    "/group_types": 11,
    "/groups": 13,
    "/groups/detail": 13,
    "/group_snapshots": 14,
    "/group_snapshots/detail": 14,
    "/consistencygroups": 0,
    "/cgsnapshots/detail": 0,
    "/os-volume-transfer": 0,
    "/os-volume-transfer/detail": 0,
    "/os-volume-transfer/{transfer}": 0,
    "/volume-transfers/detail": 0,
    "/attachments": 27,
    "/attachments/detail": 27,
    "/backups": 0,
    "/backups/detail": 0,
    "/messages": 3,
    "/limits": 0,
    "/os-availability-zone": 0,
    "/os-quota-sets/{project}/defaults": 0,
    "/resource_filters": 33,
}
OF_A_TYPE = re.compile("(volumes|gigabytes|snapshots)_")  # quotas of single volume types, which vregion does not keep
Shape = Any


def furnish(words: dict[str, str]) -> dict[str, str]:
    """A volume with a snapshot, and another one on offer; their ids."""
    found = {"project": words["PROJECT"]}
    for name in ("volume", "offered"):
        made = call(words, "POST", f"{words['VOLUME']}/volumes", json={"volume": {"size": 1, "name": name}})
        found[name] = made["volume"]["id"]
        _wait(words, f"/volumes/{found[name]}")
    wanted = {"volume_id": found["volume"], "name": "snapshot"}
    found["snapshot"] = call(words, "POST", f"{words['VOLUME']}/snapshots", json={"snapshot": wanted})["snapshot"]["id"]
    _wait(words, f"/snapshots/{found['snapshot']}")
    offer = {"transfer": {"volume_id": found["offered"], "name": "offer"}}
    found["transfer"] = call(words, "POST", f"{words['VOLUME']}/os-volume-transfer", json=offer)["transfer"]["id"]
    return found


def clear(words: dict[str, str], ids: dict[str, str]) -> None:
    """Away with it."""
    for path in ("os-volume-transfer/{transfer}", "snapshots/{snapshot}"):
        call(words, "DELETE", f"{words['VOLUME']}/{path.format(**ids)}")
    _wait(words, f"/snapshots/{ids['snapshot']}", gone=True)
    for name in ("volume", "offered"):
        call(words, "DELETE", f"{words['VOLUME']}/volumes/{ids[name]}")


def asked(words: dict[str, str], path: str, minor: int) -> Shape:
    """The shape of an answer at a microversion."""
    headers = {"X-Auth-Token": words["TOKEN"], "OpenStack-API-Version": f"volume 3.{minor}"}
    answer = requests.get(words["VOLUME"] + path, headers=headers, timeout=60)
    assert answer.status_code == 200, f"{path} at 3.{minor}: {answer.status_code} {answer.text}"
    return shape(answer.json())


def shape(value: Any) -> Shape:
    """Keys with the shapes of their values; a list has the shape of its first item; a type's name for the rest."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in sorted(value.items()) if not OF_A_TYPE.match(key)}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return (
        "any"
        if value is None
        else "number"
        if isinstance(value, int | float) and not isinstance(value, bool)
        else type(value).__name__
    )


def differences(real: Shape, ours: Shape, where: str = "") -> list[str]:
    """What is not alike. Null is like anything, and an empty list like any list."""
    if "any" in (real, ours):
        return []
    if isinstance(real, dict) and isinstance(ours, dict):
        found = [f"{where}.{key}: only there" for key in real.keys() - ours.keys()]
        found += [f"{where}.{key}: only here" for key in ours.keys() - real.keys()]
        return sorted(found) + [
            d for k in real.keys() & ours.keys() for d in differences(real[k], ours[k], f"{where}.{k}")
        ]
    if isinstance(real, list) and isinstance(ours, list):
        return differences(real[0], ours[0], f"{where}[]") if real and ours else []
    return [] if real == ours else [f"{where}: {real} there, {ours} here"]


def learn(words: dict[str, str], ids: dict[str, str]) -> dict[str, list[tuple[int, Shape]]]:
    """Each request's shapes, with the microversion where each begins."""
    found: dict[str, list[tuple[int, Shape]]] = {}
    for path, first in REQUESTS.items():
        steps: list[tuple[int, Shape]] = []
        for minor in range(first, NEWEST + 1):
            seen = asked(words, path.format(**ids), minor)
            if not steps or steps[-1][1] != seen:
                steps.append((minor, seen))
        found[path] = steps
    return found


def _wait(words: dict[str, str], path: str, *, gone: bool = False) -> None:
    noun = path.split("/")[1].removesuffix("s")
    headers = {"X-Auth-Token": words["TOKEN"]}
    for _ in range(240):
        answer = requests.get(words["VOLUME"] + path, headers=headers, timeout=60)
        if answer.status_code == 404 if gone else answer.json()[noun]["status"] == "available":
            return
        time.sleep(0.5)
    raise AssertionError(f"{path} did not come to rest")


def main(cloud: str) -> None:
    """Ask the region and write the file."""
    words = lab_environment(cloud)
    os.environ.update(words)
    ids = furnish(words)
    try:
        FILE.write_text(json.dumps(learn(words, ids), indent=1) + "\n")
    finally:
        clear(words, ids)
        remove_leftovers(words)


if __name__ == "__main__":
    main(sys.argv[1])

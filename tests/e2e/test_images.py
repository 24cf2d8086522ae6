"""Images by the stock client: staged and imported to a zone of choice, tagged, hidden, and read back.

What an admin of a virtual region does beside that (metadata definitions, copies to further stores) is in the stories;
acme's administrator is a manager.
"""

import hashlib
import time
from pathlib import Path

import pytest

from tests.e2e.cloud import Cloud
from tests.e2e.rig import Rig

pytestmark = pytest.mark.lab
DATA = bytes(range(256)) * 1024


def active(rig: Rig, name: str) -> dict[str, object]:
    """The image as the client shows it, once it is active."""
    for _ in range(120):
        (shown,) = rig.told(f"image show {name}")
        if shown["status"] == "active":
            break
        time.sleep(0.5)
    assert shown["status"] == "active", shown
    found: dict[str, object] = shown
    return found


def test_an_image_is_staged_and_imported_to_the_other_zone(rig: Rig, acme: Cloud, tmp_path: Path) -> None:
    (tmp_path / "disk.raw").write_bytes(DATA)
    (methods,) = rig.told("image import info")
    assert methods["import-methods"]["value"] == ["glance-direct", "web-download", "copy-image"]
    rig.openstack(
        "image create e2e-staged --disk-format raw --container-format bare --tag blue --property os_distro=none",
        f"image stage --file {tmp_path}/disk.raw e2e-staged",
        "image import --method glance-direct --store az2 e2e-staged",
    )
    shown = active(rig, "e2e-staged")
    assert shown["checksum"] == hashlib.md5(DATA, usedforsecurity=False).hexdigest()
    assert (shown["tags"], shown["size"]) == (["blue"], len(DATA))
    image = acme.show("image", str(shown["id"]))
    assert image["stores"] == "az2"
    rig.openstack(f"image save --file {tmp_path}/back.raw e2e-staged")
    assert (tmp_path / "back.raw").read_bytes() == DATA
    rig.openstack("image set --hidden --min-disk 1 --property os_version=1 e2e-staged")
    listed, hidden = rig.told("image list", "image list --hidden")
    assert "e2e-staged" not in [i["Name"] for i in listed]
    assert "e2e-staged" in [i["Name"] for i in hidden]
    rig.openstack("image set --deactivate e2e-staged", "image set --activate e2e-staged")
    refused = rig.openstack("image import --method web-download --uri http://127.0.0.1/x e2e-staged", fails=True)
    assert "active" in refused
    rig.openstack("image delete e2e-staged")


def test_the_web_does_not_lead_inside(rig: Rig) -> None:
    rig.openstack("image create e2e-web --disk-format raw --container-format bare")
    refused = rig.openstack("image import --method web-download --uri http://169.254.169.254/x e2e-web", fails=True)
    assert "does not pass filtering" in refused
    (shown,) = rig.told("image show e2e-web")
    assert shown["status"] == "queued"
    rig.openstack("image delete e2e-web")

"""Servers on one OpenStack cloud. Made by the driver; the mark is a tag, on clouds before Pike a metadata item.

Every field of a create is sent as it came. A field that only some microversions know chooses the microversion, and is
`Unsupported` when there is none that knows them all. A create is sent once: a server that Nova accepted before the
connection broke is found by its mark.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vregion.drivers.contract import Changes, Gone, Observed, Transient
from vregion.drivers.openstack.collection import Resources
from vregion.drivers.openstack.marks import InMetadata, InTag, Mark
from vregion.drivers.openstack.service import Window
from vregion.model.microversion import Microversion

_HINTS = ("os:scheduler_hints", "OS-SCH-HNT:scheduler_hints")
_SHOWN_AS = {"hostname": "OS-EXT-SRV-ATTR:hostname"}
_PASSING = {"BUILD", "REBUILD", "REBOOT", "HARD_REBOOT", "RESIZE", "REVERT_RESIZE", "MIGRATING", "PASSWORD"}
TAGS = Window("server.tags", Microversion(2, 52))

# What not every microversion knows (nova/api/openstack/compute/schemas/servers.py): a field, and a test of its value.
FIELDS: tuple[tuple[str, Window], ...] = (
    ("personality", Window("server.personality", Microversion(2, 1), Microversion(2, 56))),
    ("description", Window("server.description", Microversion(2, 19))),
    ("tags", TAGS),
    ("trusted_image_certificates", Window("server.trusted_image_certificates", Microversion(2, 63))),
    ("host", Window("server.host", Microversion(2, 74))),
    ("hypervisor_hostname", Window("server.hypervisor_hostname", Microversion(2, 74))),
    ("hostname", Window("server.hostname", Microversion(2, 90))),
)
NO_NETWORK = Window("server.networks.none", Microversion(2, 37))
DEVICE_TAG = Window("server.device_tags", Microversion(2, 42))
DEVICE_TYPE = Window("server.block_device.volume_type", Microversion(2, 67))
FULL_NAME = Window("server.hostname.fqdn", Microversion(2, 94))


class Servers(Resources):
    """Nova's servers."""

    word = "server"
    path = "/servers"
    list_path = "/detail"
    mark = InTag()

    async def create(self, mark: str, body: Mapping[str, Any]) -> Observed:
        """One POST, with scheduler hints beside the server; the password that Nova makes up is not kept."""
        server = {key: value for key, value in body.items() if key not in _HINTS}
        hints = next((body[key] for key in _HINTS if body.get(key)), None)
        version = await self.service.version_for(*windows_of(server))
        place: Mark = self.mark if version >= TAGS.first else InMetadata()
        payload: dict[str, Any] = {"server": place.put(mark, server)}
        if hints:
            payload["os:scheduler_hints"] = hints
        made = self.unwrap(await self.service.send_at(version, "POST", self.path, payload))
        return Observed(made["id"], {key: made[key] for key in made if key != "adminPass"}, settled=False)

    async def get(self, external_id: str) -> Observed:
        """A server of a cell that is down is not gone: Nova shows it as UNKNOWN, with next to nothing in it."""
        seen = await super().get(external_id)
        if seen.document["status"] == "UNKNOWN":
            raise Transient(f"Nova cannot see server {external_id} now: its cell does not answer")
        if seen.absent:
            raise Gone(f"Instance {external_id} is in status DELETED")
        return seen

    async def find(self, mark: str) -> Observed | None:
        """By tag; on a cloud too old for it by metadata.

        Nova leaves out the servers of a cell that is down whenever a list is filtered (nova/api/openstack/compute/
        servers.py `_is_cell_down_supported`), and does not say so. DELETED shows for the moment before it goes.
        """
        place: Mark = self.mark if await self.service.knows(TAGS) else InMetadata()
        found = [item async for _, page in self.pages(place.query(mark)) for item in page]
        return self.oldest(item for item in found if place.read(item) == mark and item["status"] != "DELETED")

    async def update(self, external_id: str, body: Mapping[str, Any]) -> Observed:
        """Name, description, hostname and addresses by PUT; metadata and tags have paths of their own."""
        wanted = dict(body)
        metadata, tags = wanted.pop("metadata", None), wanted.pop("tags", None)
        current = await self.raw(external_id)
        changed = {key: value for key, value in wanted.items() if current.get(_SHOWN_AS.get(key, key)) != value}
        if changed:
            await self.service.version_for(*windows_of(changed))
            await self.service.send("PUT", self.url(external_id), {"server": changed}, own=external_id)
        if metadata is not None:
            await self._replace(external_id, "metadata", _kept(InMetadata(), current, {"metadata": metadata}), current)
        if tags is not None:
            await self.service.version_for(TAGS)
            await self._replace(external_id, "tags", _kept(self.mark, current, {"tags": tags}), current)
        return await self.get(external_id)

    async def changes(self, since: datetime | None) -> Changes:
        """Nova's own feed: with a time it lists what changed since, deleted servers among it."""
        if since is None:
            return await self.listed([])
        return await self.listed([("changes-since", since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))])

    async def _replace(self, external_id: str, name: str, wanted: dict[str, Any], current: dict[str, Any]) -> None:
        """PUT a whole metadata dictionary or list of tags; as sets, since Nova sorts tags."""
        shown = current.get(name) or ()
        if sorted(wanted[name]) == sorted(shown) and (name == "tags" or wanted[name] == shown):
            return
        await self.service.send("PUT", f"{self.url(external_id)}/{name}", wanted, own=external_id)

    def observe(self, document: dict[str, Any]) -> Observed:
        """Hides the mark in both places; DELETED comes from the feed."""
        shown = InMetadata().hide(self.mark.hide(document))
        status = document["status"]
        return Observed(
            document["id"], shown, self.settled(document), self.failed(document), absent=status == "DELETED"
        )

    def settled(self, document: dict[str, Any]) -> bool:
        """A task state says that Nova is at work, whatever the status."""
        return document["status"] not in _PASSING and document.get("OS-EXT-STS:task_state") is None

    def failed(self, document: dict[str, Any]) -> str | None:
        """The fault's message, such as 'No valid host was found.'."""
        if document["status"] != "ERROR":
            return None
        return str((document.get("fault") or {}).get("message") or "the server is in status ERROR")


def windows_of(server: Mapping[str, Any]) -> list[Window]:
    """The capabilities that these fields of a server need."""
    needed = [window for field, window in FIELDS if field in server]
    networks, devices = server.get("networks"), server.get("block_device_mapping_v2") or ()
    nics = networks if isinstance(networks, list) else ()
    if isinstance(networks, str):
        needed.append(NO_NETWORK)
    if any(isinstance(one, dict) and "tag" in one for one in (*nics, *devices)):
        needed.append(DEVICE_TAG)
    if any(isinstance(one, dict) and "volume_type" in one for one in devices):
        needed.append(DEVICE_TYPE)
    if "." in str(server.get("hostname") or ""):
        needed.append(FULL_NAME)
    return needed


def _kept(place: Mark, current: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    return place.keep(place.read(current), wanted)

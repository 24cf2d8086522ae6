"""nova.virt.fake, made fit for regions that restart, keep their servers and are asked for images.

nova-compute loads it (runtime/compute.py makes it findable). What it adds to the stock fake driver of nova 34.0.0:
- nodes with lasting UUIDs. The stock driver draws new ones at each start ("Duplicate compute node record"). One
  nova-compute offers LAB_NODES of them, because Nova reads every allocation of a node at each claim;
- servers and their interfaces live in small files under LAB_SERVERS, as a hypervisor would keep its domains: a
  restart of nova-compute finds them, with the power state that they had;
- paused and suspended servers have the power states that libvirt gives them;
- snapshot() uploads a disk; the console log is each server's own;
- assisted volume snapshots (what Cinder's NFS driver asks for while a volume is attached) done by qemu-img: this
  guest never writes, so its files may be handled as if it were stopped.
"""

import io
import json
import os
import pathlib
import subprocess
import time
import uuid

from nova import exception, objects
from nova.compute import power_state, task_states
from nova.image import glance
from nova.virt import block_device, fake, hardware
from nova.volume import cinder

SERVERS = pathlib.Path(os.environ["LAB_SERVERS"])
VOLUMES = pathlib.Path(os.environ["LAB_VOLUMES"])
DISK_SIZE = 1 << 20


class Kept(dict):
    """A dict of JSON values with one small file per key."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        super().__init__((path.name, self.load(path.read_text())) for path in folder.iterdir())

    def load(self, text):
        return json.loads(text)

    def dump(self, value):
        return json.dumps(value)

    def __setitem__(self, key, value):
        new = self.folder.with_name(f"{self.folder.name}.{key}")
        new.write_text(self.dump(value))
        new.replace(self.folder / key)  # a process that is killed here leaves the old file or the new one
        super().__setitem__(key, value)

    def __delitem__(self, key):
        super().__delitem__(key)
        (self.folder / key).unlink()

    def discard(self, key):
        if key in self:
            del self[key]


class Domains(Kept):
    """What the hypervisor runs: FakeInstance by the server's id."""

    def load(self, text):
        return fake.FakeInstance(**json.loads(text))

    def dump(self, domain):
        return json.dumps(vars(domain))


def node_uuid(name):
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def disk_of(instance):
    """The disk of a guest that never writes: the same bytes each time, and no other server's."""
    block = f"lab disk of server {instance.uuid}\n".encode()
    return (block * (DISK_SIZE // len(block) + 1))[:DISK_SIZE]


def qemu_img(*words):
    command = ["qemu-img", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise exception.NovaException(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def backing_of(name):
    about = json.loads(qemu_img("info", "--force-share", "--output=json", str(VOLUMES / name)))
    return os.path.basename(about.get("backing-filename", ""))


class LabDriver(fake.FakeDriver):
    """The virt driver of the plain plane."""

    def init_host(self, host):
        super().init_host(host)
        count = int(os.environ["LAB_NODES"])
        self._set_nodes([f"{host}-n{number:02d}" for number in range(1, count + 1)])
        self.instances = Domains(SERVERS / "domains")
        self._interfaces = Kept(SERVERS / "interfaces")
        self._logs = Kept(SERVERS / "logs")

    def get_nodenames_by_uuid(self, refresh=False):
        return {node_uuid(name): name for name in self.get_available_nodes()}

    def get_available_resource(self, nodename):
        resource = super().get_available_resource(nodename)
        if resource:
            resource["uuid"] = node_uuid(nodename)
        return resource

    # Power: each change goes through the dict, so that it is kept.

    def _become(self, instance, state):
        if instance.uuid not in self.instances:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        domain = self.instances[instance.uuid]
        domain.state = state
        self.instances[instance.uuid] = domain

    def power_off(self, instance, timeout=0, retry_interval=0):
        self._become(instance, power_state.SHUTDOWN)
        self._log(instance, "reboot: Power down")

    def power_on(self, context, instance, network_info, *more, **options):
        self._become(instance, power_state.RUNNING)
        self._boot(instance)

    def pause(self, instance):
        self._become(instance, power_state.PAUSED)

    def unpause(self, instance):
        self._become(instance, power_state.RUNNING)

    def suspend(self, context, instance):
        self._become(instance, power_state.SHUTDOWN)  # libvirt saves the guest to disk and shuts it off

    def resume(self, context, instance, network_info, *more, **options):
        self._become(instance, power_state.RUNNING)

    def rescue(self, context, instance, *more, **options):
        self._become(instance, power_state.RUNNING)
        self._boot(instance)

    def unrescue(self, context, instance):
        self._become(instance, power_state.RUNNING)
        self._boot(instance)

    def spawn(self, context, instance, *more, **options):
        super().spawn(context, instance, *more, **options)
        self._boot(instance)

    def destroy(self, context, instance, network_info, *more, **options):
        super().destroy(context, instance, network_info, *more, **options)
        # The stock driver remembers the ports of dead servers and then refuses to attach them elsewhere.
        for vif in network_info or []:
            self._interfaces.discard(vif["id"])
        self._logs.discard(instance.uuid)

    def finish_revert_migration(self, context, instance, network_info, *more, **options):
        super().finish_revert_migration(context, instance, network_info, *more, **options)
        for vif in network_info or []:
            self._interfaces[vif["id"]] = vif  # destroy() on the way back forgot them

    def get_info(self, instance, use_cache=True):
        if instance.uuid not in self.instances:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        return hardware.InstanceInfo(state=self.instances[instance.uuid].state)

    # The console log

    def _log(self, instance, line):
        stamped = f"[{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}] {line}"
        self._logs[instance.uuid] = [*self._logs.get(instance.uuid, []), stamped][-200:]

    def _boot(self, instance):
        """What a small guest prints from power-on to its login prompt."""
        ports = [vif["address"] for vif in instance.get_network_info() or []]
        lines = [
            f"Booting server {instance.uuid}",
            f"kernel: {instance.vcpus} CPUs, {instance.memory_mb} MiB of memory",
            f"kernel: vda: {instance.flavor.root_gb} GiB root disk",
            *(f"kernel: eth{index}: {address}" for index, address in enumerate(ports)),
            "init: mounting filesystems",
            "init: starting syslogd",
            "init: starting network",
            f"init: hostname is {instance.hostname}",
            f"init: project {instance.project_id}",
            f"init: image {instance.image_ref or 'on a volume'}",
            f"init: key {instance.key_name or 'none'}",
            "init: boot finished",
            f"{instance.hostname} login: ",
        ]
        for line in lines:
            self._log(instance, line)

    def get_console_output(self, context, instance):
        return "\n".join(self._logs.get(instance.uuid, [])) + "\n"

    # Images

    def snapshot(self, context, instance, image_id, update_task_state):
        """Upload the server's disk into the image that Nova's API has made, as the libvirt driver does."""
        if instance.uuid not in self.instances:
            raise exception.InstanceNotRunning(instance_id=instance.uuid)
        images = glance.API()
        image = images.get(context, image_id)
        known = instance.image_meta.obj_attr_is_set("container_format")
        about = {
            "status": "active",
            "name": image["name"],
            "disk_format": "raw",
            "container_format": (known and instance.image_meta.container_format) or "bare",
            "properties": {
                "image_location": "snapshot",
                "image_state": "available",
                "owner_id": instance.project_id,
            },
        }
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        expected = task_states.IMAGE_PENDING_UPLOAD
        update_task_state(task_state=task_states.IMAGE_UPLOADING, expected_state=expected)
        images.update(context, image_id, about, io.BytesIO(disk_of(instance)))

    # Volumes

    def volume_snapshot_create(self, context, instance, volume_id, create_info):
        """Cinder has made the new overlay already; from now on the guest would write there."""
        snapshot_id = create_info["snapshot_id"]
        try:
            if backing_of(create_info["new_file"]) == "":
                raise exception.NovaException(f"{create_info['new_file']} has no backing file")
        except exception.NovaException:
            cinder.API().update_snapshot_status(context, snapshot_id, "error")
            raise
        cinder.API().update_snapshot_status(context, snapshot_id, "creating")
        self._await(context, snapshot_id, "creating")
        self._refresh(context, instance, volume_id)

    def volume_snapshot_delete(self, context, instance, volume_id, snapshot_id, delete_info):
        """Take one file out of the chain; Cinder deletes it afterwards."""
        try:
            self._merge(context, instance, volume_id, delete_info)
        except exception.NovaException:
            cinder.API().update_snapshot_status(context, snapshot_id, "error_deleting")
            raise
        cinder.API().update_snapshot_status(context, snapshot_id, "deleting")
        self._refresh(context, instance, volume_id)

    def _merge(self, context, instance, volume_id, delete_info):
        merged, target = delete_info["file_to_merge"], delete_info["merge_target_file"]
        if target is None:  # pull what lies below into the active file, down to `merged` or to the ground
            active = self._refresh(context, instance, volume_id)["data"]["name"]
            self._rebase(active, merged, "-f", "qcow2")
            return
        overlays = [path.name for path in VOLUMES.glob(f"volume-{volume_id}*") if ".info" not in path.name]
        above = [name for name in overlays if backing_of(name) == merged]
        qemu_img("commit", "-f", "qcow2", str(VOLUMES / merged))
        for name in above:
            self._rebase(name, target, "-u", "-f", "qcow2")

    def _rebase(self, name, base, *options):
        onto = []
        if base:
            about = json.loads(qemu_img("info", "--output=json", str(VOLUMES / base)))
            onto = ["-F", about["format"]]
        qemu_img("rebase", *options, "-b", base or "", *onto, str(VOLUMES / name))

    def _await(self, context, snapshot_id, status, limit=60):
        end = time.time() + limit
        while cinder.API().get_snapshot(context, snapshot_id)["status"] == status and time.time() < end:
            time.sleep(0.5)

    def _refresh(self, context, instance, volume_id):
        """Nova's own record of which file is the active one; returns it."""
        found = objects.BlockDeviceMapping.get_by_volume_and_instance(context, volume_id, instance.uuid)
        mapping = block_device.convert_volume(found)
        mapping.refresh_connection_info(context, instance, cinder.API(), self)
        return mapping["connection_info"]

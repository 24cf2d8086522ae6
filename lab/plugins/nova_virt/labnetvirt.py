"""A Nova driver whose servers are network namespaces with real ports, for the planes ovs and ovn.

nova-compute loads it. A server is the namespace vm-<server id> with one internal port of Open vSwitch per VIF, moved
in from the bridge that Neutron names (br-int, or a trunk's own); real DHCP clients, IPv6 too (or, without DHCP, the fixed
addresses, as cloud-init would set them from a config drive); a web server on port 80 that answers with the server's name; an SSH server that lets root in with the
server's keypair. Nova calls it ACTIVE when Neutron has reported its ports as plugged. All of it outlives nova-compute.
Paused servers go on answering.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import time

import nova.virt.labvirt as labvirt
from nova import exception
from nova.compute import power_state
from oslo_log import log as logging

LOG = logging.getLogger(__name__)
HOMES = pathlib.Path(os.environ["LAB_VMS"])
SITE = os.environ["LAB_SITE"]
DATABASE = os.environ["LAB_OVS_DB"]
SCRIPTS = pathlib.Path(__file__).resolve().parent
DHCPV6 = {"dhcpv6-stateful": (), "dhcpv6-stateless": ("-S",)}  # how dhclient is told; slaac needs no client

NOTICES = 4  # seconds until a server asks for the address of a new port, which Tempest sets by hand meanwhile


def attempt(*command):
    """Run what may fail: whether it succeeded, and its output."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode == 0, done.stdout


def run(*command):
    well, output = attempt(*command)
    if not well:
        raise exception.NovaException(f"{' '.join(command)}: {output}")
    return output


def vsctl(*words):
    return run("ovs-vsctl", f"--db={DATABASE}", "--timeout=20", *words)


def namespace_of(instance):
    return f"vm-{instance.uuid}"


def device_of(vif):
    """Without the dash that Nova's names have at this place: what looks for names of devices in a server ends at it."""
    return f"tap{vif['id'].replace('-', '')[:11]}"


def pid_file_of(vif):
    """Where Tempest looks for the DHCP client that it asks to renew a lease."""
    return pathlib.Path(f"/var/run/udhcpc.{device_of(vif)}.pid")


class LabNetDriver(labvirt.LabDriver):
    """The virt driver of the planes with switches."""

    def spawn(self, context, instance, *more, network_info=None, power_on=True, **options):
        # A resize spawns without naming the ports: they are the ones that the server has.
        vifs = instance.get_network_info() if network_info is None else network_info
        super().spawn(context, instance, *more, network_info=vifs, power_on=power_on, **options)
        if power_on:
            self._start(instance, vifs)

    def migrate_disk_and_power_off(self, context, instance, dest, flavor, network_info, *more, **options):
        super().migrate_disk_and_power_off(context, instance, dest, flavor, network_info, *more, **options)
        self._stop(instance, network_info)

    def finish_revert_migration(self, context, instance, network_info, *more, **options):
        super().finish_revert_migration(context, instance, network_info, *more, **options)
        if self.instances[instance.uuid].state == power_state.RUNNING:
            self._start(instance, network_info, wait=False)

    def destroy(self, context, instance, network_info, *more, **options):
        super().destroy(context, instance, network_info, *more, **options)
        self._stop(instance, network_info)
        shutil.rmtree(HOMES / instance.uuid, ignore_errors=True)

    def power_off(self, instance, timeout=0, retry_interval=0):
        super().power_off(instance, timeout, retry_interval)
        self._stop(instance, instance.get_network_info())

    def power_on(self, context, instance, network_info, *more, **options):
        super().power_on(context, instance, network_info, *more, **options)
        self._start(instance, network_info)

    def reboot(self, context, instance, network_info, *more, **options):
        self._stop(instance, network_info)
        self._become(instance, power_state.RUNNING)
        self._boot(instance)
        self._start(instance, network_info, wait=False)

    def attach_interface(self, context, instance, image_meta, vif):
        super().attach_interface(context, instance, image_meta, vif)
        self._plug(instance, vif)
        self._address(instance, vif, after=NOTICES)

    def detach_interface(self, context, instance, vif):
        super().detach_interface(context, instance, vif)
        self._unplug(vif)

    def get_console_output(self, context, instance):
        """The server's own log, what its programs said, its addresses and routes."""
        said = HOMES / instance.uuid / "console.log"
        parts = [super().get_console_output(context, instance)]
        if said.exists():
            parts.append(said.read_text(errors="replace")[-8000:])
        for words in (["-br", "addr"], ["route"]):
            parts.append(attempt("ip", "-n", namespace_of(instance), *words)[1])
        return "".join(parts)

    def _start(self, instance, network_info, wait=True):
        name, home, vifs = namespace_of(instance), HOMES / instance.uuid, network_info or []
        (home / "www").mkdir(parents=True, exist_ok=True)
        (home / "www" / "index.html").write_text(f"{instance.hostname}\n")
        etc = pathlib.Path("/etc/netns", name)
        etc.mkdir(parents=True, exist_ok=True)
        (etc / "resolv.conf").touch()
        (etc / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {instance.hostname}\n")  # sudo looks itself up
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")
        self._plug_all(instance, vifs, wait)
        self._background(instance, "busybox", "httpd", "-f", "-p", "80", "-h", str(home / "www"))
        self._let_in(instance)
        for vif in vifs:
            self._address(instance, vif)

    def _let_in(self, instance):
        """An SSH server that calls itself by the server's name. Whoever is let in sees the machine's files."""
        home = HOMES / instance.uuid
        key, allowed = home / "host_key", home / "authorized_keys"
        if not key.exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
        allowed.write_text(f"{instance.key_data or ''}\n")
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)  # where it shuts its unprivileged half in
        settings = {
            "HostKey": key,
            "AuthorizedKeysFile": allowed,
            "StrictModes": "no",
            "PermitRootLogin": "prohibit-password",
            "PasswordAuthentication": "no",
            "UseDNS": "no",
            "PidFile": "none",
        }
        options = " ".join(f"-o {name}={value}" for name, value in settings.items())
        command = f"hostname {instance.hostname}; exec /usr/sbin/sshd -D -e -f /dev/null {options}"
        self._background(instance, "unshare", "--uts", "sh", "-c", command)

    def _plug_all(self, instance, vifs, wait):
        """Plug, and wait for Neutron's word; without it go on, as with vif_plugging_is_fatal = false."""
        down = [vif for vif in vifs if wait and vif.get("active", True) is False]
        events = [("network-vif-plugged", vif["id"]) for vif in down]
        plugged = False
        try:
            with self.virtapi.wait_for_instance_event(instance, events, timeout=60):
                for vif in vifs:
                    self._plug(instance, vif)
                plugged = True
        except Exception as error:
            if not plugged:
                raise
            LOG.warning("%s: VIF not plugged in time: %r", instance.uuid, error)

    def _plug(self, instance, vif):
        name, device = namespace_of(instance), device_of(vif)
        bridge = (vif.get("details") or {}).get("bridge_name") or "br-int"
        marks = {
            "iface-id": vif["id"],
            "iface-status": "active",
            "attached-mac": vif["address"],
            "vm-uuid": instance.uuid,
        }
        made = []
        if bridge.startswith("tbr-"):  # a trunk's: who plugs the parent makes it, Neutron's agent takes it away
            made = ["--may-exist", "add-br", bridge, "--", "set", "Bridge", bridge, "datapath_type=netdev", "--"]
            marks["bridge_name"] = bridge
        settings = [f"external_ids:{key}={value}" for key, value in marks.items()]
        added = ["--may-exist", "add-port", bridge, device]
        vsctl(*made, *added, "--", "set", "Interface", device, "type=internal", *settings)
        end = time.time() + 5
        while not attempt("ip", "-n", SITE, "link", "set", device, "netns", name)[0] and time.time() < end:
            time.sleep(0.05)
        attempt("ip", "netns", "exec", name, "ethtool", "-K", device, "tx", "off")
        mtu = str(vif["network"]["meta"].get("mtu") or 1500)
        run("ip", "-n", name, "link", "set", device, "address", vif["address"], "mtu", mtu, "up")

    def _unplug(self, vif):
        attempt("ovs-vsctl", f"--db={DATABASE}", "--timeout=20", "--if-exists", "del-port", device_of(vif))

    def _address(self, instance, vif, after=0):
        device, subnets = device_of(vif), vif["network"]["subnets"]
        leased = [subnet for subnet in subnets if subnet["meta"].get("dhcp_server") or subnet["meta"].get("enable_dhcp")]
        for subnet in subnets:
            if subnet not in leased:
                self._fix(namespace_of(instance), device, subnet)
        if any(subnet["version"] == 4 for subnet in leased):
            options = ["-p", str(pid_file_of(vif)), "-i", device, "-s", str(SCRIPTS / "udhcpc.sh"), "-t", "30", "-T", "1", "-A", "1"]
            name = f"hostname:{instance.hostname}"
            later = ["sh", "-c", 'sleep "$0"; exec "$@"', str(after)] if after else []
            self._background(instance, *later, "busybox", "udhcpc", "-f", "-R", *options, "-x", name)
        for mode in {subnet["meta"].get("ipv6_address_mode") for subnet in leased} & set(DHCPV6):
            files = [word for flag in ("lf", "pf") for word in (f"-{flag}", str(HOMES / instance.uuid / f"{device}.{flag}"))]
            options = ["-d", "-cf", "/dev/null", "-sf", str(SCRIPTS / "dhclient6.sh"), *files]
            self._background(instance, "dhclient", "-6", *DHCPV6[mode], *options, device)

    def _fix(self, name, device, subnet):
        for address in subnet["ips"]:
            wide = f"{address['address']}/{subnet['cidr'].split('/')[1]}"
            run("ip", "-n", name, "addr", "replace", wide, "dev", device)
        gateway = (subnet.get("gateway") or {}).get("address")
        if gateway and subnet["version"] == 4:
            attempt("ip", "-n", name, "route", "add", "default", "via", gateway)
        for route in subnet.get("routes") or []:
            via = route["gateway"]["address"]
            attempt("ip", "-n", name, "route", "replace", route["cidr"], "via", via)

    def _background(self, instance, *command):
        """A program of the server, in a session of its own: it outlives nova-compute."""
        home = HOMES / instance.uuid
        with (home / "console.log").open("ab") as log:
            subprocess.Popen(
                ["ip", "netns", "exec", namespace_of(instance), *command],
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _stop(self, instance, network_info):
        name = namespace_of(instance)
        well, pids = attempt("ip", "netns", "pids", name)
        for pid in pids.split() if well else ():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
        for vif in network_info or []:
            self._unplug(vif)
            pid_file_of(vif).unlink(missing_ok=True)
        attempt("ip", "netns", "del", name)
        shutil.rmtree(f"/etc/netns/{name}", ignore_errors=True)

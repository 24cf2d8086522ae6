"""`install`: everything the lab needs on a bare Debian 12, by one command.

As root it installs the missing Debian packages; uv goes into a virtualenv of its own and fills the services' one
from constraints.txt. Which index serves packages is what pip or uv is configured for; no host is named here.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.processes import run
from lab.settings import BIN, HERE, HOME, VENV, say

PLAIN = {
    "mariadb-server": "mariadbd",
    "rabbitmq-server": "rabbitmq-server",
    "qemu-utils": "qemu-img",
}
SWITCHED = {
    "openvswitch-switch": "ovs-vswitchd",
    "busybox": "busybox",
    "socat": "socat",
    "ethtool": "ethtool",
    "dnsmasq-base": "dnsmasq",
    "isc-dhcp-client": "dhclient",
    "conntrack": "conntrack",
    "iptables": "iptables",
    "ipset": "ipset",
    "iproute2": "ip",
    "curl": "curl",
    "iperf3": "iperf3",
    "haproxy": "haproxy",
    "keepalived": "keepalived",
    "radvd": "radvd",
    "iputils-ping": "ping",
    "openssh-server": "sshd",
    "sudo": "sudo",
}
OVN = ("ovn-central", "ovn-host")
SEARCHED = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def install(switched: bool) -> None:
    wanted = {**PLAIN, **(SWITCHED if switched else {})}
    missing = [package for package, program in wanted.items() if not shutil.which(program, path=SEARCHED)]
    if not has_venv():
        missing.append("python3-venv")
    if missing:
        debian(missing)
    if switched:
        unpack_ovn()
    python_packages()


def has_venv() -> bool:
    probe = [interpreter(), "-c", "import ensurepip"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def interpreter() -> str:
    """Debian's Python 3.11, which constraints.txt was made for, or the one that runs this."""
    return "/usr/bin/python3.11" if Path("/usr/bin/python3.11").exists() else sys.executable


@contextmanager
def no_services() -> Iterator[None]:
    """The packages' own services must not start: a policy file says so while apt runs."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def apt(*words: str) -> None:
    run(["apt-get", "-q", "-y", *words], {"DEBIAN_FRONTEND": "noninteractive"})


def debian(packages: list[str]) -> None:
    if not shutil.which("apt-get"):
        raise SystemExit(f"no apt-get here; install by other means: {' '.join(packages)}")
    with no_services():
        apt("update")
        apt("install", "--no-install-recommends", *packages)
    say(f"from Debian: {' '.join(packages)}")


def unpack_ovn() -> None:
    """OVN's programs without its services: the packages are fetched and unpacked, never installed."""
    if (HOME / "ovn" / "usr").is_dir():
        return
    apt("update")
    apt("install", "--no-install-recommends", "--download-only", *OVN)
    (HOME / "ovn").mkdir(parents=True, exist_ok=True)
    for package in Path("/var/cache/apt/archives").glob("ovn-*.deb"):
        run(["dpkg", "-x", package, HOME / "ovn"])
    say("OVN unpacked")


def index_settings(pip: Path) -> dict[str, str]:
    """pip's index and certificate for uv, which does not read pip's configuration."""
    if any(name.startswith("UV_") and "INDEX" in name for name in os.environ):
        return {}
    names = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "cert": "SSL_CERT_FILE"}
    found = {}
    for line in run([pip, "config", "list"]).splitlines():
        key, _, value = line.partition("=")
        option = key.rpartition(".")[2]
        if option in names:
            found[names[option]] = value.strip("'\"")
    if "UV_INDEX" in found:
        # pip takes the best version from all indexes; uv would stop at the first one that knows the name.
        found["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return found


def python_packages() -> None:
    tool = HOME / "uv"
    if not (tool / "bin" / "uv").exists():
        run([interpreter(), "-m", "venv", tool])
        run([tool / "bin" / "pip", "install", "-q", "uv"])
        say("uv installed")
    uv = tool / "bin" / "uv"
    if not BIN.exists():
        run([uv, "venv", "-q", "--seed", "-p", interpreter(), VENV])
    env = {**index_settings(tool / "bin" / "pip"), "VIRTUAL_ENV": str(VENV)}
    run([uv, "pip", "install", "-q", "-r", HERE / "constraints.txt"], env)
    run([BIN / "python", "-m", "compileall", "-q", "-j2", VENV / "lib"])
    say(f"services installed: {run(['du', '-sh', VENV]).split()[0]}")

"""RabbitMQ for all regions: one virtual host each, so that none hears another.

`up` calls it. Users and hosts come from a definitions file, so that no rabbitmqctl run is needed. The server is
started by its own script below /usr/lib, because the one in PATH changes the user.
"""

import base64
import hashlib
import json

from lab.processes import spawn, wait_port
from lab.regions import Region
from lab.settings import BUS_DIST_PORT, BUS_PORT, EPMD_PORT, SECRET, STATE

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"


def url(region: Region) -> str:
    return f"rabbit://lab:{SECRET}@127.0.0.1:{BUS_PORT}/{region.short}"


def definitions(regions: list[Region]) -> str:
    salt = b"labs"
    digest = base64.b64encode(salt + hashlib.sha256(salt + SECRET.encode()).digest()).decode()
    user = {"name": "lab", "password_hash": digest, "tags": "", "hashing_algorithm": "rabbit_password_hashing_sha256"}
    rights = {"user": "lab", "configure": ".*", "write": ".*", "read": ".*"}
    hosts = [region.short for region in regions]
    permissions = [{**rights, "vhost": host} for host in hosts]
    return json.dumps({"users": [user], "vhosts": [{"name": h} for h in hosts], "permissions": permissions})


def start(regions: list[Region]) -> None:
    folder = STATE / "rabbit"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "definitions.json").write_text(definitions(regions))
    (folder / "enabled_plugins").write_text("[].\n")
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{BUS_PORT}\n"
        f"load_definitions = {folder}/definitions.json\n"
        "log.console = true\nlog.console.level = warning\nlog.file = false\n"
        "vm_memory_high_watermark.absolute = 512MB\ndisk_free_limit.absolute = 50MB\n"
    )
    env = {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": "lab@localhost",
        "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
        "RABBITMQ_LOG_BASE": f"{folder}/log",
        "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/enabled_plugins",
        "RABBITMQ_CONF_ENV_FILE": f"{folder}/none",
        "RABBITMQ_PID_FILE": f"{folder}/pid",
        "RABBITMQ_DIST_PORT": str(BUS_DIST_PORT),
        "ERL_EPMD_PORT": str(EPMD_PORT),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        # No spinning schedulers, and the distribution port on the loopback only.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none "
        "-kernel inet_dist_use_interface {127,0,0,1}",
    }
    spawn("epmd", ["epmd", "-port", str(EPMD_PORT), "-address", "127.0.0.1"])
    spawn("rabbitmq", [SERVER], env)


def wait() -> None:
    wait_port("127.0.0.1", BUS_PORT, "rabbitmq")

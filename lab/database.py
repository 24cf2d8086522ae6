"""MariaDB for all regions, each with databases of its own, and the migrated template.

`up` calls it. The migrations run once; their result names no region (the cell mappings are URL templates), so it is
kept as one SQL dump that every further region loads in a second.
"""

from lab.processes import run, spawn, wait_port
from lab.regions import Region
from lab.settings import DB_PORT, SECRET, STATE, TEMPLATE

DATABASES = ("keystone", "glance", "placement", "nova_api", "nova", "nova_cell0", "neutron", "cinder")
SOCKET = STATE / "mysql.sock"


def start() -> None:
    data = STATE / "mysql"
    fresh = not (data / "mysql").is_dir()
    if fresh:
        data.mkdir(parents=True, exist_ok=True)
        install = ["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={data}", "--skip-test-db"]
        run([*install, "--auth-root-authentication-method=normal"])
    # Durability is off: a lab that loses power is restored from its snapshot.
    options = [
        "--no-defaults", "--user=root", f"--datadir={data}", f"--socket={SOCKET}", "--bind-address=127.0.0.1",
        f"--port={DB_PORT}", f"--pid-file={STATE / 'mysql.pid'}", "--skip-log-bin", "--skip-name-resolve",
        "--max-connections=600", "--character-set-server=utf8mb4", "--performance-schema=OFF",
        "--innodb-buffer-pool-size=256M", "--innodb-log-file-size=64M", "--innodb-flush-log-at-trx-commit=0",
        "--innodb-doublewrite=0", "--innodb-flush-method=nosync", "--sync-frm=0", "--max-allowed-packet=64M",
        "--aria-pagecache-buffer-size=16M", "--key-buffer-size=8M",
    ]  # fmt: skip
    spawn("mariadb", ["mariadbd", *options])
    wait_port("127.0.0.1", DB_PORT, "mariadb")
    if fresh:
        sql(f"CREATE USER 'lab'@'%' IDENTIFIED BY '{SECRET}'; GRANT ALL ON *.* TO 'lab'@'%';")


def sql(text: str) -> str:
    return run(["mariadb", "--no-defaults", "-uroot", f"--socket={SOCKET}"], stdin=text)


def url(region: Region, name: str) -> str:
    return f"mysql+pymysql://lab:{SECRET}@127.0.0.1:{DB_PORT}/{region.short}_{name}?charset=utf8mb4"


def create(region: Region) -> None:
    sql("".join(f"CREATE DATABASE {region.short}_{name} CHARACTER SET utf8mb4;" for name in DATABASES))


def keep_template(region: Region) -> None:
    """Dump the migrated databases of `region` with its name taken out."""
    parts = []
    for name in DATABASES:
        parts.append(f"CREATE DATABASE `@@_{name}` CHARACTER SET utf8mb4;\nUSE `@@_{name}`;\n")
        dump = ["mariadb-dump", "--no-defaults", "-uroot", "--skip-comments", f"--socket={SOCKET}"]
        parts.append(run([*dump, f"{region.short}_{name}"]))
    TEMPLATE.write_text("".join(parts))


def load_template(region: Region) -> None:
    text = TEMPLATE.read_text().replace("`@@_", f"`{region.short}_")
    sql(f"SET unique_checks=0; SET foreign_key_checks=0;\n{text}")

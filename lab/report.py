"""What runs and what it costs: `status` and `mem`. It reads /proc and asks each API for its front page."""

import http.client
from pathlib import Path

from lab.processes import alive, names, pid_of, session_pids
from lab.regions import PORTS, known


def status() -> bool:
    """Print every process and endpoint; whether all of them are well."""
    well = bool(names())
    for name in names():
        well &= alive(name)
        print(f"{name:<28} pid {pid_of(name):<8} {'running' if alive(name) else 'DEAD'}")
    for region in known():
        for service, port in PORTS.items():
            answer = front_page(region.ip, port)
            well &= answer.isdigit()
            print(f"{region.name} {service:<10} {region.url(service)} -> {answer}")
    return well


def front_page(host: str, port: int) -> str:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/")
        return str(connection.getresponse().status)
    except OSError as error:
        return str(error)
    finally:
        connection.close()


def memory(pid: int) -> tuple[int, int]:
    """RSS and PSS of one process in KiB."""
    rss = pss = 0
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Rss:"):
                rss = int(line.split()[1])
            elif line.startswith("Pss:"):
                pss = int(line.split()[1])
    except OSError:
        return 0, 0
    return rss, pss


def show_memory() -> None:
    groups: dict[str, list[int]] = {}
    for name in names():
        pids = session_pids(pid_of(name))
        measured = [memory(pid) for pid in pids]
        rss, pss = sum(pair[0] for pair in measured), sum(pair[1] for pair in measured)
        group = name.split("-")[0] if name[:1] == "r" and name[1:2].isdigit() else "shared"
        total = groups.setdefault(group, [0, 0, 0])
        for index, value in enumerate((rss, pss, len(pids))):
            total[index] += value
        show(name, rss, pss, len(pids))
    for group, total in sorted(groups.items()):
        show(f"= {group}", *total)


def show(name: str, rss: int, pss: int, count: int) -> None:
    print(f"{name:<28} processes {count:>2}  rss {rss >> 10:5d} MiB  pss {pss >> 10:5d} MiB")

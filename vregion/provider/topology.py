"""A tenant's networks over his zones, for people: the answer of the API, and its three forms on the command line.

`show` is the operation; `text`, `dot` and `svg` draw its answer and are pure. A place that is not ready is drawn in
another colour, and its reason stands below.
"""

from collections.abc import Iterator
from html import escape
from typing import Any

from vregion.provider import zones
from vregion.provider.provider import Provider

READY, MOVING, BAD = "#2e7d32", "#ef6c00", "#c62828"
_COLUMN, _ROW, _MARGIN, _BAR = 300, 20, 24, 26
Answer = dict[str, Any]


async def show(provider: Provider, tenant_name: str) -> Answer:
    """The region's own account, with zones in place of backends."""
    tenant = await provider.tenant(tenant_name)
    bound = {binding.backend_id: binding for binding in await zones.all_of(provider, tenant_name)}
    known = await provider.directory.backends()
    told = await provider.topology_of(tenant.region_id)
    for place in _all_places(told):
        backend_id = place.pop("backend_id")
        place["zone"] = bound[backend_id].availability_zone if backend_id in bound else backend_id
    shown = [
        {"zone": one.availability_zone, "backend": known[one.backend_id].name, "state": one.state}
        for one in bound.values()
    ]
    return {"tenant": tenant.name, "zones": shown, **told}


def _all_places(told: Answer) -> Iterator[Answer]:
    for thing in (*told["networks"], *told["routers"]):
        yield from thing["places"]
        for port in thing.get("ports", ()):
            yield from port["places"]
    yield from told["unsettled"]


def text(told: Answer) -> str:
    """Lines: a network, its zones, the ports in each; then what is not settled."""
    lines = [f"{told['tenant']}: " + ", ".join(f"{z['zone']} on {z['backend']} ({z['state']})" for z in told["zones"])]
    for network in told["networks"]:
        lines += ["", f"network {_title(network)}"]
        for place in network["places"]:
            lines.append(f"  {place['zone']}: {_state(place)}")
            lines += [f"    {_label(port)}  {_state(here)}" for port, here in _ports_in(network, place["zone"])]
        lines += [f"  nowhere yet: {_label(port)}" for port in network["ports"] if not port["places"]]
    for router in told["routers"]:
        where = ", ".join(f"{place['zone']} {_state(place)}" for place in router["places"]) or "nowhere yet"
        lines += ["", f"{_router(router)}: {where}"]
    lines += ["", *(f"not settled: {line}" for line in _complaints(told))]
    return "\n".join(lines).rstrip() + "\n"


def dot(told: Answer) -> str:
    """Graphviz: a cluster per zone, a network's places joined by its interconnect."""
    lines = [f"graph {_quoted(told['tenant'])} {{", "  rankdir=LR; node [shape=box, fontsize=10];"]
    for zone in told["zones"]:
        lines += [f"  subgraph {_quoted('cluster ' + zone['zone'])} {{", f"    label={_quoted(_zone_title(zone))};"]
        for network in told["networks"]:
            for place in (one for one in network["places"] if one["zone"] == zone["zone"]):
                node, style = _node(network, zone["zone"]), f"shape=ellipse, color={_quoted(_colour(place))}"
                lines.append(f"    {node} [label={_quoted(_title(network))}, {style}];")
                for port, here in _ports_in(network, zone["zone"]):
                    lines.append(
                        f"    {_node(port, '')} [label={_quoted(_label(port))}, color={_quoted(_colour(here))}];"
                    )
                    lines.append(f"    {_node(port, '')} -- {node};")
        lines.append("  }")
    for network in told["networks"]:
        ends = [_node(network, place["zone"]) for place in network["places"]]
        label = _quoted(f"{network['interconnect']} {network['segment']}")
        lines += [f"  {ends[0]} -- {end} [style=bold, label={label}];" for end in ends[1:]]
    for number, line in enumerate(_complaints(told)):
        lines.append(f"  complaint{number} [shape=note, color={_quoted(BAD)}, label={_quoted(line)}];")
    return "\n".join([*lines, "}"]) + "\n"


def svg(told: Answer) -> str:
    """A picture of its own: zones are columns, a network is a bar over those that have it, ports hang below."""
    columns = [zone["zone"] for zone in told["zones"]]
    parts, y = [_words(_MARGIN, 20, told["tenant"], size=16)], 40
    for at, zone in enumerate(told["zones"]):
        parts.append(_words(_left(at), y, _zone_title(zone), size=13))
    y += 14
    for network in told["networks"]:
        drawn, height = _bar(network, columns, y)
        parts += drawn
        y += height
    for router in told["routers"]:
        where = ", ".join(place["zone"] for place in router["places"])
        parts.append(_words(_MARGIN, y + 14, f"{_router(router)}: {where}"))
        y += _ROW
    for line in _complaints(told):
        parts.append(_words(_MARGIN, y + 14, line, colour=BAD))
        y += _ROW
    width = 2 * _MARGIN + _COLUMN * max(len(columns), 1)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y + _MARGIN}" font-family="sans-serif">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>"]) + "\n"


def _bar(network: Answer, columns: list[str], y: int) -> tuple[list[str], int]:
    """One network from y on, and how high it is."""
    parts, deepest = [], 0
    at = [columns.index(place["zone"]) for place in network["places"] if place["zone"] in columns]
    if len(at) > 1:
        x, width = _left(min(at)), (max(at) - min(at)) * _COLUMN
        parts.append(f'<line x1="{x}" y1="{y + 13}" x2="{x + width}" y2="{y + 13}" stroke="#555" stroke-width="6"/>')
    for place in (one for one in network["places"] if one["zone"] in columns):
        x = _left(columns.index(place["zone"]))
        box = f'x="{x}" y="{y}" width="{_COLUMN - 30}" height="{_BAR}" rx="5"'
        parts.append(f'<rect {box} fill="#eef3fb" stroke="{_colour(place)}" stroke-width="2"/>')
        parts.append(_words(x + 8, y + 17, _title(network)))
        for depth, (port, here) in enumerate(_ports_in(network, place["zone"])):
            parts.append(_words(x + 16, y + _BAR + 16 + depth * _ROW, _label(port), colour=_colour(here)))
            deepest = max(deepest, depth + 1)
    if not at:
        parts.append(_words(_MARGIN, y + 17, f"{_title(network)}: nowhere yet"))
    return parts, _BAR + deepest * _ROW + 18


def _left(column: int) -> int:
    return _MARGIN + column * _COLUMN


def _words(x: int, y: int, words: str, size: int = 11, colour: str = "#222") -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}">{escape(words)}</text>'


def _zone_title(zone: Answer) -> str:
    return f"{zone['zone']} on {zone['backend']}"


def _router(router: Answer) -> str:
    """One that the tenant deleted keeps its places for the next one: a spare."""
    named = router["name"] or router["id"]
    return f"spare router ({named})" if router["deleting"] else f"router {named}"


def _title(network: Answer) -> str:
    prefixes = " ".join(subnet["cidr"] for subnet in network["subnets"])
    over = f"over {network['interconnect']}, segment {network['segment']}" if network["interconnect"] else "local"
    return "  ".join(part for part in (network["name"] or network["id"], prefixes, over) if part)


def _label(port: Answer) -> str:
    name = port["device"] or port["name"] or port["device_owner"] or port["id"]
    return "  ".join([name, *port["addresses"]])


def _ports_in(network: Answer, zone: str) -> Iterator[tuple[Answer, Answer]]:
    for port in network["ports"]:
        for place in port["places"]:
            if place["zone"] == zone:
                yield port, place


def _state(place: Answer) -> str:
    state = place["state"] if place["wanted"] else "leaving"
    return f"{state}: {place['reason']}" if place["reason"] else str(state)


def _colour(place: Answer) -> str:
    if place["state"] in ("error", "lost"):
        return BAD
    return READY if place["state"] == "ready" and place["wanted"] else MOVING


def _complaints(told: Answer) -> list[str]:
    lines = [f"{one['kind']} {one['name'] or one['id']} in {one['zone']}: {_state(one)}" for one in told["unsettled"]]
    return lines + [f"router {one['name'] or one['id']}: {one['apart']}" for one in told["routers"] if one["apart"]]


def _node(thing: Answer, zone: str) -> str:
    return _quoted(f"{thing['id']} {zone}".strip())


def _quoted(words: str) -> str:
    return '"' + words.replace("\\", "\\\\").replace('"', '\\"') + '"'

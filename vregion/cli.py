"""`vregion`: serve a region, show a demo, and the provider's commands as a thin client of his REST API.

Documented in docs/reference/provider-cli.md. A secret comes from a prompt, a file, standard input or OS_PASSWORD, and
is refused as an argument, which every user of the machine can read. No rule of vregion is decided here. The server, the
demo and Rich are imported by the commands that need them: the others run without.
"""

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import orjson
import typer

from vregion.provider import topology
from vregion.provider.client import Client, Failed
from vregion.settings import Settings, load

PAGE = 1000
# Who is named in a credential -> what proves it.
SECRETS = {"application_credential_id": "application_credential_secret", "username": "password", "user_id": "password"}
app = typer.Typer(
    help="A virtual OpenStack region over every cloud you have.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # they may hold a secret
)
backend_app = typer.Typer(help="The clouds that virtual regions are made of.", no_args_is_help=True)
zone_app = typer.Typer(help="Which backend serves an availability zone of a tenant.", no_args_is_help=True)
tenant_app = typer.Typer(help="Customers, each with a virtual region.", no_args_is_help=True)
flavor_app = typer.Typer(help="What servers can be; one list for all tenants.", no_args_is_help=True)
interconnect_app = typer.Typer(help="How backends are joined for tenants' networks.", no_args_is_help=True)
for name, part in (
    ("backend", backend_app),
    ("zone", zone_app),
    ("tenant", tenant_app),
    ("flavor", flavor_app),
    ("interconnect", interconnect_app),
):
    app.add_typer(part, name=name)


class Form(StrEnum):
    """How answers are printed."""

    TABLE = "table"
    JSON = "json"


FormOption = Annotated[Form, typer.Option("-f", "--format", help="How to print the answer.")]
Pairs = Annotated[list[str] | None, typer.Option("--credential", metavar="KEY=VALUE", help="All of it but the secret.")]
SecretFile = Annotated[
    str, typer.Option("--password-file", metavar="FILE", help="Holds the secret; - is standard input. Else a prompt.")
]


def main() -> None:
    """The console script: whatever is refused ends with its reason and status 1."""
    try:
        app()
    except (Failed, ValueError, OSError) as failed:
        from rich.console import Console
        from rich.markup import escape

        Console(stderr=True).print(f"[red]Error:[/red] {escape(str(failed))}", highlight=False, soft_wrap=True)
        sys.exit(1)


@app.command()
def serve(config: Annotated[Path | None, typer.Option(help="A TOML file of settings.")] = None) -> None:
    """Serve until a signal."""
    from vregion import app as application

    with suppress(KeyboardInterrupt):
        asyncio.run(application.serve(load(config)))


@app.command()
def demo(once: Annotated[bool, typer.Option("--once", help="Show everything, then end.")] = False) -> None:
    """Keystone, two zones in memory and a tenant, on this machine, for a look around."""
    from vregion import demo as demonstration

    with suppress(KeyboardInterrupt):
        asyncio.run(demonstration.demo(once))


@backend_app.command("add")
def backend_add(
    name: str,
    address: Annotated[str, typer.Option(help="What the driver connects to; for OpenStack its Keystone's URL.")],
    driver: Annotated[str, typer.Option(help="The kind of cloud.")] = "openstack",
    region_name: Annotated[str, typer.Option(help="Which region of that cloud.")] = "",
    credential: Pairs = None,
    password_file: SecretFile = "",
    external_network: Annotated[
        str, typer.Option(help="Its network to the outside, by name or id; else the default or only one.")
    ] = "",
) -> None:
    """Check a cloud and keep it, with the provider's credential there."""
    options = {"external_network": external_network} if external_network else {}
    body = {"name": name, "driver": driver, "address": address, "region_name": region_name, "options": options}
    _show(_ask("POST", "/backends", body | {"credential": _credential(credential, password_file)}), Form.TABLE)


@backend_app.command("list")
def backend_list(form: FormOption = Form.TABLE) -> None:
    """Every backend with the state of its last check."""
    _list(_ask("GET", "/backends")["backends"], ("name", "driver", "address", "region_name", "state"), form)


@backend_app.command("show")
def backend_show(name: str, form: FormOption = Form.TABLE) -> None:
    """What the last check found."""
    _show(_ask("GET", f"/backends/{_path(name)}"), form)


@backend_app.command("check")
def backend_check(name: str, form: FormOption = Form.TABLE) -> None:
    """Look again: services, versions, limits, capabilities, flavors, and what is missing."""
    _show(_ask("POST", f"/backends/{_path(name)}/check"), form)


@backend_app.command("remove")
def backend_remove(name: str) -> None:
    """Forget a backend that serves no zone."""
    _ask("DELETE", f"/backends/{_path(name)}")


@zone_app.command("bind")
def zone_bind(
    tenant: str,
    zone: str,
    backend: Annotated[str, typer.Option(help="Which backend serves it.")],
    default: Annotated[bool, typer.Option("--default", help="Taken when a request names no zone.")] = False,
    credential: Pairs = None,
    password_file: SecretFile = "",
) -> None:
    """Give a tenant a zone. Without a credential, a project with its own one is made in the backend."""
    body: dict[str, Any] = {"backend": backend, "default": default}
    if credential:
        body["credential"] = _credential(credential, password_file)
    _show(_ask("PUT", f"/tenants/{_path(tenant)}/zones/{_path(zone)}", body), Form.TABLE)


@zone_app.command("unbind")
def zone_unbind(tenant: str, zone: str) -> None:
    """Take an empty zone away."""
    _ask("DELETE", f"/tenants/{_path(tenant)}/zones/{_path(zone)}")


@zone_app.command("drain")
def zone_drain(tenant: str, zone: str, form: FormOption = Form.TABLE) -> None:
    """Nothing new goes into the zone; binding it again ends that."""
    _show(_ask("POST", f"/tenants/{_path(tenant)}/zones/{_path(zone)}/drain"), form)


@zone_app.command("list")
def zone_list(tenant: str, form: FormOption = Form.TABLE) -> None:
    """A tenant's zones."""
    _list(_ask("GET", f"/tenants/{_path(tenant)}/zones")["zones"], ZONE_COLUMNS, form)


@tenant_app.command("open")
def tenant_open(
    name: str,
    zone: Annotated[
        list[str] | None, typer.Option(metavar="ZONE=BACKEND", help="The first is the default. None: every backend.")
    ] = None,
    password_file: Annotated[
        str, typer.Option(metavar="FILE", help="His administrator's password; - is standard input. Else one is made.")
    ] = "",
    form: FormOption = Form.TABLE,
) -> None:
    """Open a tenant: domain, project, administrator, virtual region and zones."""
    zones = [{"availability_zone": key, "backend": value} for key, value in _pairs(zone).items()]
    body: dict[str, Any] = {"name": name, "zones": zones}
    if password_file:
        body["admin_password"] = _read(password_file)
    _show(_ask("POST", "/tenants", body), form)


@tenant_app.command("list")
def tenant_list(form: FormOption = Form.TABLE) -> None:
    """Every tenant."""
    found: list[dict[str, Any]] = []
    while page := _ask("GET", "/tenants", params={"marker": found[-1]["name"] if found else ""})["tenants"]:
        found += page
        if len(page) < PAGE:
            break
    _list(found, ("name", "state", "region_id", "domain_id", "created_at"), form)


@tenant_app.command("show")
def tenant_show(name: str, form: FormOption = Form.TABLE) -> None:
    """One tenant with his zones."""
    _show(_ask("GET", f"/tenants/{_path(name)}"), form)


@tenant_app.command("topology")
def tenant_topology(
    name: str,
    svg: Annotated[bool, typer.Option("--svg", help="A picture.")] = False,
    dot: Annotated[bool, typer.Option("--dot", help="For Graphviz.")] = False,
    form: FormOption = Form.TABLE,
) -> None:
    """His networks over zones: what is where, joined by what, and what is not converged and why."""
    told = _ask("GET", f"/tenants/{_path(name)}/topology")
    if form is Form.JSON:
        return _json(told)
    draw = topology.svg if svg else topology.dot if dot else topology.text
    sys.stdout.write(draw(told))
    return None


@tenant_app.command("server")
def tenant_server(name: str, server_id: str, form: FormOption = Form.TABLE) -> None:
    """One of his servers: where it is, and why it went there."""
    _show(_ask("GET", f"/tenants/{_path(name)}/servers/{_path(server_id)}"), form)


@tenant_app.command("limits")
def tenant_limits(
    name: str,
    limits: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=NUMBER]...",
            help="image_size_total, image_stage_total (MiB), image_count_total, image_count_uploading; -1: no limit.",
        ),
    ] = None,
    project: Annotated[str, typer.Option(help="Its id; else of every project without its own.")] = "",
    form: FormOption = Form.TABLE,
) -> None:
    """Limits of his images: set those that are named, show all."""
    wanted = {key: int(value) for key, value in _pairs(limits).items()}
    path, params = f"/tenants/{_path(name)}/limits", {"project_id": project} if project else None
    _show(_ask("PUT", path, wanted, params) if wanted else _ask("GET", path, None, params), form)


@tenant_app.command("close")
def tenant_close(name: str) -> None:
    """Close a tenant who has nothing left."""
    _ask("DELETE", f"/tenants/{_path(name)}")


@interconnect_app.command("add")
def interconnect_add(
    name: str,
    member: Annotated[
        list[str], typer.Option(metavar="BACKEND=NETWORK", help="A backend, and its name of the physical network.")
    ],
    segments: Annotated[str, typer.Option(metavar="FIRST-LAST", help="Ours alone to give out: for vlan, VLAN ids.")],
    kind: Annotated[str, typer.Option(help="How segments are made.")] = "vlan",
    mtu: Annotated[int, typer.Option(help="What a tenant's packet may have on it, in octets.")] = 1500,
    transit_prefix: Annotated[
        str, typer.Option(metavar="CIDR", help="Where transit networks between routers take addresses from.")
    ] = "100.64.0.0/16",
    form: FormOption = Form.TABLE,
) -> None:
    """Join backends: networks of tenants can span the zones that they serve."""
    first, _, last = segments.partition("-")
    if not (first.isdecimal() and last.isdecimal()):
        raise Failed(f"{segments}: segments want the form FIRST-LAST")
    members = [{"backend": backend, "physical_network": network} for backend, network in _pairs(member).items()]
    body = {"name": name, "kind": kind, "members": members, "mtu": mtu, "transit_prefix": transit_prefix}
    _show(_ask("POST", "/interconnects", body | {"segments": {"first": int(first), "last": int(last)}}), form)


@interconnect_app.command("list")
def interconnect_list(form: FormOption = Form.TABLE) -> None:
    """Every interconnect, and how many of its segments are in use."""
    columns = ("name", "kind", "members", "segments", "mtu", "transit_prefix")
    _list(_ask("GET", "/interconnects")["interconnects"], columns, form)


@interconnect_app.command("show")
def interconnect_show(name: str, form: FormOption = Form.TABLE) -> None:
    """One interconnect, and what it carries."""
    _show(_ask("GET", f"/interconnects/{_path(name)}"), form)


@interconnect_app.command("remove")
def interconnect_remove(name: str) -> None:
    """Forget an interconnect that carries nothing."""
    _ask("DELETE", f"/interconnects/{_path(name)}")


@flavor_app.command("add")
def flavor_add(
    name: str,
    shape: Annotated[
        list[str], typer.Argument(metavar="KEY=NUMBER...", help="vcpus, ram (MiB), disk (GiB), ephemeral, swap (MiB).")
    ],
    id: Annotated[str, typer.Option(help="Its id; else one is made.")] = "",
    extra_spec: Annotated[
        list[str] | None, typer.Option("--property", metavar="KEY=VALUE", help="An extra spec.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="For the tenants alone who are given it.")] = False,
    form: FormOption = Form.TABLE,
) -> None:
    """Add a flavor, and find or make it in every backend."""
    numbers = {key: int(value) for key, value in _pairs(shape).items()}
    body = {"name": name, "is_public": not private, "extra_specs": _pairs(extra_spec), **numbers}
    body |= {"id": id} if id else {}
    _show(_ask("POST", "/flavors", body), form)


@flavor_app.command("list")
def flavor_list(form: FormOption = Form.TABLE) -> None:
    """Every flavor, the tenants who have a private one, and the backends that lack it."""
    columns = ("id", "name", "vcpus", "ram", "disk", "extra_specs", "is_public", "tenants", "lacking")
    _list(_ask("GET", "/flavors")["flavors"], columns, form)


@flavor_app.command("give")
def flavor_give(id: str, tenant: str) -> None:
    """Let a tenant have a private flavor: his admin gives it to projects."""
    _ask("PUT", f"/tenants/{_path(tenant)}/flavors/{_path(id)}")


@flavor_app.command("take")
def flavor_take(id: str, tenant: str) -> None:
    """Take a private flavor from a tenant; his servers keep what they were made with."""
    _ask("DELETE", f"/tenants/{_path(tenant)}/flavors/{_path(id)}")


@flavor_app.command("remove")
def flavor_remove(id: str) -> None:
    """Forget a flavor; servers keep what they were made with."""
    _ask("DELETE", f"/flavors/{_path(id)}")


ZONE_COLUMNS = ("availability_zone", "backend", "state", "default", "binding_id")


def _ask(method: str, path: str, body: object = None, params: Mapping[str, str] | None = None) -> Any:
    url = os.environ.get("VREGION_PUBLIC_URL", Settings().public_url)
    return Client(url, os.environ, _prompt).ask(method, path, body, params)


def _path(text: str) -> str:
    return quote(text, safe="")


def _prompt(text: str) -> str:
    return str(typer.prompt(text, hide_input=True, err=True))


def _read(file: str) -> str:
    """A secret from a file or standard input, without the line's end."""
    return (sys.stdin.read() if file == "-" else Path(file).read_text()).rstrip("\r\n")


def _pairs(given: Sequence[str] | None) -> dict[str, str]:
    pairs = [text.partition("=") for text in given or ()]
    if wrong := [key for key, sign, _ in pairs if not sign or not key]:
        raise Failed(f"{wrong[0]}: it wants the form KEY=VALUE")
    return {key: value for key, _, value in pairs}


def _credential(given: Sequence[str] | None, password_file: str) -> dict[str, str]:
    """The plain values from the arguments and, where they name somebody, his secret from elsewhere."""
    values = _pairs(given)
    if shown := [key for key in values if key.endswith(("password", "secret"))]:
        raise Failed(f"{shown[0]}: a secret is no argument; use --password-file or the prompt")
    for key, secret in SECRETS.items():
        if key in values:
            words = secret.replace("_", " ").capitalize()
            return values | {secret: _read(password_file) if password_file else _prompt(words)}
    return values


def _show(answer: Mapping[str, Any], form: Form) -> None:
    if form is Form.JSON:
        return _json(answer)
    return _table(("field", "value"), answer.items())


def _list(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], form: Form) -> None:
    if form is Form.JSON:
        return _json(rows)
    return _table(columns, ([row[column] for column in columns] for row in rows))


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*columns)
    for row in rows:
        table.add_row(*(escape(_cell(value)) for value in row))
    Console().print(table)


def _json(answer: object) -> None:
    sys.stdout.write(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode() + "\n")


def _cell(value: object) -> str:
    """Names as they are, everything with an inside as JSON."""
    if isinstance(value, str):
        return value
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() if value not in ({}, [], None) else ""

"""The process of the embedded Keystone: `python -m vregion.identity.serve_keystone`, started by `embedded`.

Hosts the unmodified WSGI application of PyPI's keystone in waitress.  Its standard input carries one line (a
KeystoneLaunch) and then stays open as a lifeline: when it ends, the parent is gone, and so is this process, however
the parent died.  Migration, bootstrap and serving share one process because importing Keystone costs more than all
of them.  It must never be imported by another module: Keystone's configuration is global.
"""

import os
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from typing import Any

from vregion.identity.keystone_config import KeystoneLaunch, write_configuration

THREADS = 6
LONGEST = 1 << 17  # bytes of a body; Keystone itself refuses more than 114,688
ATTEMPTS = 20  # of a login that finds another writer


def main() -> None:
    os.umask(0o077)
    launch = KeystoneLaunch.parse(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.argv = ["keystone"]  # oslo.config would read ours as options of Keystone
    listener = _bind(launch)
    application = _load(launch, listener.getsockname()[1])
    import waitress

    how: dict[str, Any] = {"threads": THREADS, "ident": None, "max_request_body_size": LONGEST}
    server = waitress.create_server(application, sockets=[listener], **how)
    print("ready", listener.getsockname()[1], flush=True)
    os.dup2(2, 1)  # nobody reads standard output any more
    server.run()


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def _bind(launch: KeystoneLaunch) -> socket.socket:
    """Take the address first: a taken port is known before the slow imports, a free one before bootstrap."""
    family = socket.AF_INET6 if ":" in launch.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((launch.host, launch.port))
    return listener


def _load(launch: KeystoneLaunch, port: int) -> Callable[..., Any]:
    """Migrate, bootstrap and build the application, in the order of keystone.server.flask.core (30.0.0).

    That module's own initialize_application cannot be used: it loads the backends, Bootstrapper does too, and the
    second time is refused.  Migration and bootstrap change nothing when nothing is to do.
    """
    configuration = write_configuration(launch)
    _prefer_wal(configuration.with_name("keystone.db"))
    import keystone.server
    from keystone.cmd.bootstrap import Bootstrapper
    from keystone.common.sql import upgrades
    from keystone.server.flask import application, core

    keystone.server.configure(config_files=[str(configuration)])
    upgrades.offline_sync_database_to_version()
    _bootstrap(Bootstrapper(), launch, port)
    return _one_writer(core.setup_app_middleware(application.application_factory("public")))


def _prefer_wal(database: Path) -> None:
    """Readers beside one writer; SQLite keeps this setting in the file."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


def _one_writer(application: Callable[..., Any]) -> Callable[..., Any]:
    """Let one request write at a time; reads pass, and logins, which hash and seldom write.

    oslo.db opens SQLite transactions with a plain BEGIN (oslo_db 18.1.1, sqlalchemy/engines.py): one that reads first
    and then finds another writer fails at once with "database is locked", whatever the busy timeout. A user's first
    login of a day is such a one (30.0.0, identity/shadow_backends/sql.py set_last_active_at): it is tried again, then
    as a writer, beside whom only other logins write.
    """
    writing = threading.Lock()

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if (method, path.rstrip("/")) == ("POST", "/v3/auth/tokens"):
            return log_in(environ, start_response)
        with nullcontext() if method in ("GET", "HEAD") else writing:
            return application(environ, start_response)

    def log_in(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        tried = 0
        while True:
            try:
                with writing if tried else nullcontext():
                    return application({**environ, "wsgi.input": BytesIO(body)}, start_response)
            except Exception as error:
                tried += 1
                if tried == ATTEMPTS or "database is locked" not in str(error):
                    raise

    return serve


def _bootstrap(bootstrapper: Any, launch: KeystoneLaunch, port: int) -> None:
    host = f"[{launch.host}]" if ":" in launch.host else launch.host
    url = f"http://{host}:{port}/v3"
    bootstrapper.admin_username = bootstrapper.admin_role_name = bootstrapper.project_name = "admin"
    bootstrapper.admin_password = launch.admin_password
    bootstrapper.service_name = "keystone"
    bootstrapper.region_id = launch.region
    bootstrapper.public_url = launch.public_url or url
    bootstrapper.internal_url = bootstrapper.admin_url = url
    bootstrapper.immutable_roles = True
    bootstrapper.bootstrap()


if __name__ == "__main__":
    main()

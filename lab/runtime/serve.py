"""serve.py HOST PORT MODULE THREADS [ARG...]: host one OpenStack WSGI application.

The service is the unmodified package: MODULE (for instance nova.wsgi.osapi_compute) exposes `application`; waitress
serves it from one process with a pool of threads and kept-alive connections. It runs in the services' virtualenv.

LAB_MICROVERSION caps what the service is able to do, at the one constant from which it derives its version document,
its header negotiation and `latest` (nova 34.0.0 and cinder 29.0.0, api/openstack/api_version_request.py): a newer
request is refused by the service itself, as a service of that age would refuse it.
"""

import importlib
import os
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def cap(module: str, highest: str) -> None:
    """Before the application is imported: its version document copies the constant at import."""
    versions = importlib.import_module(f"{module.split('.')[0]}.api.openstack.api_version_request")
    versions._MAX_API_VERSION = highest  # type: ignore[attr-defined]


def logged(inner: Application) -> Application:
    """One line per request, on stderr."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        begun, seen = time.perf_counter(), [""]

        def start(status: str, *more: Any) -> Any:
            seen[0] = status.split()[0]
            return start_response(status, *more)

        out = inner(environ, start)
        took = (time.perf_counter() - begun) * 1e3
        target = f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}"
        now = datetime.now(UTC).isoformat(" ", "milliseconds")
        sys.stderr.write(f"{now} ACCESS {environ['REQUEST_METHOD']} {target} {seen[0]} {took:.1f}ms\n")
        return out

    return application


def main() -> None:
    host, port, module, threads = sys.argv[1:5]
    # Several services parse sys.argv by oslo.config at import.
    sys.argv = [module, *sys.argv[5:]]
    if os.environ.get("LAB_MICROVERSION"):
        cap(module, os.environ["LAB_MICROVERSION"])
    application: Application = importlib.import_module(module).application
    # Late, because an application may patch the modules that waitress builds on.
    import waitress

    if os.environ.get("LAB_ACCESS"):
        application = logged(application)
    waitress.serve(
        application,
        host=host,
        port=int(port),
        threads=int(threads),
        ident=None,
        channel_timeout=300,
        connection_limit=500,
        backlog=512,
        max_request_body_size=8 << 30,  # an image of a volume is larger than waitress's 1 GiB
    )


if __name__ == "__main__":
    main()

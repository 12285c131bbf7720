"""/live, /ready and /metrics. Ready means that records get on, not that a port answers."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import orjson
import uvicorn
from faststream.asgi import AsgiResponse, get
from faststream.asgi.types import ASGIApp, Receive, Scope, Send
from prometheus_client import make_asgi_app
from typing_extensions import override

from worker.metrics import Metrics
from worker.settings import SettingsError

JSON = {"content-type": "application/json"}


def make_health_app(problems: Callable[[], list[str]], metrics: Metrics) -> ASGIApp:
    """The three pages. `problems` says why the worker is not ready; empty when it is."""

    @get
    async def live(_scope: Scope) -> AsgiResponse:
        return AsgiResponse(b'{"live":true}', 200, headers=JSON)

    @get
    async def ready(_scope: Scope) -> AsgiResponse:
        found = problems()
        body = orjson.dumps({"ready": not found, "problems": found})
        return AsgiResponse(body, 503 if found else 200, headers=JSON)

    pages: dict[str, ASGIApp] = {"/live": live, "/ready": ready, "/metrics": make_asgi_app(metrics.registry)}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        page = pages.get(scope.get("path", "").rstrip("/"))
        if page is None:
            page = AsgiResponse(b'{"error":"there are /live, /ready and /metrics"}', 404, headers=JSON)
        await page(scope, receive, send)

    return app


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: the worker drains first, and this goes last."""

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serve(app: ASGIApp, host: str, port: int) -> AsyncIterator[int]:
    """Serve the pages; yields the port.

    Raises:
        SettingsError: when it cannot listen there.
    """
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        msg = (
            f"PARTNERSHIP_HEALTH_HOST={host}, PARTNERSHIP_HEALTH_PORT={port}: {error.strerror}. If another worker "
            "serves its pages there, give this one a port of its own, or 0 for any that is free."
        )
        raise SettingsError(msg) from error
    server = _Server(uvicorn.Config(app, lifespan="off", log_config=None, access_log=False))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task

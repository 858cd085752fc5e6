"""The HTTP side of serving a built-in algorithm: GET /ping, POST /invocations, GET /execution-parameters.

Source: the contract's hosting.md ("Container contract") and algorithms/_common.md, section 6.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DEFAULT_PORT = 8080
DEFAULT_BODY_BYTES = 6 << 20


@dataclass(frozen=True)
class Response:
    """An answer. For errors the body is the message."""

    body: bytes
    content_type: str = "text/plain"
    status: int = HTTPStatus.OK


Invoke = Callable[[bytes, str, str], Response]
"""(body, Content-Type, Accept) to the answer; called from many threads."""


def body_limit(environment: Mapping[str, str] = os.environ) -> int:
    """The largest body in bytes: MAX_CONTENT_LENGTH, default 6 MiB."""
    return int(environment.get("MAX_CONTENT_LENGTH", DEFAULT_BODY_BYTES))


def execution_parameters(environment: Mapping[str, str] = os.environ) -> dict[str, int | str]:
    """What batch transform asks before it starts."""
    return {
        "MaxConcurrentTransforms": os.cpu_count() or 1,
        "BatchStrategy": "MULTI_RECORD",
        "MaxPayloadInMB": body_limit(environment) >> 20,
    }


def serve_forever(invoke: Invoke) -> None:
    """Serve on SAGEMAKER_BIND_TO_PORT (default 8080) of every address until SIGTERM. Call it in the main thread."""
    server = make_server(invoke, int(os.environ.get("SAGEMAKER_BIND_TO_PORT", DEFAULT_PORT)))
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    logging.info("Serving on port %d.", server.server_address[1])
    with server:
        server.serve_forever(poll_interval=0.1)


def make_server(invoke: Invoke, port: int) -> ThreadingHTTPServer:
    """A server that listens already; port 0 takes any."""
    handler = type("Handler", (_Handler,), {"invoke": staticmethod(invoke)})
    return ThreadingHTTPServer(("0.0.0.0", port), handler)  # noqa: S104 - the sandbox decides who reaches it


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    invoke: Invoke

    def do_GET(self) -> None:
        if self.path == "/ping":
            self._send(Response(b""))
        elif self.path == "/execution-parameters":
            self._send(Response(json.dumps(execution_parameters()).encode(), "application/json"))
        else:
            self._send(Response(b"Not Found", status=HTTPStatus.NOT_FOUND))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > body_limit():
            self.close_connection = True
            self._send(Response(b"Request Entity Too Large", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
            return
        body = self.rfile.read(length)
        if self.path != "/invocations":
            self._send(Response(b"Not Found", status=HTTPStatus.NOT_FOUND))
        elif not body:
            self._send(Response(b"", status=HTTPStatus.NO_CONTENT))
        else:
            self._send(self._answer(body))

    def _answer(self, body: bytes) -> Response:
        try:
            return self.invoke(body, self.headers.get("Content-Type", ""), self.headers.get("Accept", ""))
        except Exception as error:  # a request must not end the server
            logging.exception("The request failed.")
            return Response(str(error).encode(), status=HTTPStatus.INTERNAL_SERVER_ERROR)

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        logging.debug(format, *args)

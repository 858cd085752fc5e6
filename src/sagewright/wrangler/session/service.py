"""The session's HTTP server: JSON in, JSON out, on a Unix socket. Requests of one session run one at a time."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl

from sagewright.wrangler import flows, release
from sagewright.wrangler.errors import FlowError, StepError
from sagewright.wrangler.finite import written
from sagewright.wrangler.flows import Flow
from sagewright.wrangler.session.looks import chart_answer, code_answer, insights_answer
from sagewright.wrangler.session.previews import Previews
from sagewright.wrangler.session.samples import Samples

SOCKET_VARIABLE = "SAGEWRIGHT_SERVE_SOCKET"
MOST_BODY = 16 * 1024 * 1024
MOST_S = 80.0
"""Time of one request, after which the process ends, so that the next one finds a fresh session: nothing else stops a step that
never ends."""
log = logging.getLogger("sagewright.wrangler.session")


class SessionServer(ThreadingHTTPServer):
    """Raises OSError if the socket can't be made."""

    address_family = socket.AF_UNIX
    daemon_threads = True

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        super().__init__(str(path), SessionHandler)  # type: ignore[arg-type]
        self.previews = Previews(Samples())
        self.turn = threading.Lock()
        self.active = datetime.now(UTC)
        self.running = 0
        self.release = release.digest()

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "localhost", 0

    def status(self) -> dict[str, Any]:
        """Returns the answer of `/api/status` in Jupyter's form."""
        return {
            "last_activity": self.active.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "kernels": self.running,
            "connections": self.running,
        }


class SessionHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: SessionServer

    def address_string(self) -> str:
        return "session"

    def log_message(self, form: str, *args: Any) -> None:
        """Keeps requests out of the log: steps and their times are there."""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] == "/api/status":
            self._answer(200, self.server.status())
        elif self.path == "/api/kernels":
            self._answer(200, [])
        else:
            self._answer(404, {"message": f"There is nothing at {self.path}."})

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        if length > MOST_BODY:
            self.close_connection = True
            return self._answer(413, {"message": f"A request has at most {MOST_BODY} bytes, and this one {length}."})
        body = self.rfile.read(length)
        work = WORK.get(self.path.strip("/"))
        if work is None:
            return self._answer(404, {"message": f"There is nothing at {self.path}."})
        self.server.active, self.server.running = datetime.now(UTC), self.server.running + 1
        try:
            status, answer = self._worked(work, body)
        finally:
            self.server.active, self.server.running = datetime.now(UTC), self.server.running - 1
        return self._answer(status, answer)

    def _worked(self, work: Work, body: bytes) -> tuple[int, Any]:
        began = time.perf_counter()
        try:
            request = json.loads(body)
            flow = flows.read(json.dumps(request["flow"]))
            with self.server.turn, Deadline(self.path):
                answer = work(self.server.previews, flow, request)
        except StepError as error:
            return 200, {"error": fault_of(error)}
        except (FlowError, KeyError, TypeError, ValueError) as error:
            log.info("%s", error)
            return 400, {"message": f"The request is not understood: {error}"}
        except MemoryError:
            return 200, {"error": {"reason": "The sample does not fit into the session's memory. Take fewer rows."}}
        except (Exception, pl.exceptions.PanicException) as error:  # a panic of polars derives from BaseException
            traceback.print_exc()
            return 200, {"error": {"reason": f"{type(error).__name__}: {error}"[:2000]}}
        answer["seconds"] = time.perf_counter() - began
        return 200, answer

    def _answer(self, status: int, document: Any) -> None:
        body = written(document)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header(release.HEADER, self.server.release)
        self.end_headers()
        self.wfile.write(body)


class Deadline:
    """Ends the process if the block takes longer than MOST_S: a thread can't be stopped."""

    def __init__(self, path: str) -> None:
        self._timer = threading.Timer(MOST_S, self._end)
        self._timer.daemon = True
        self._path = path

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _end(self) -> None:
        log.error("%s took longer than %g s: the session begins again", self._path, MOST_S)
        os._exit(75)


Work = Callable[[Previews, Flow, dict[str, Any]], dict[str, Any]]
WORK: dict[str, Work] = {
    "preview": lambda previews, flow, request: previews.preview(
        flow, request["node_id"], request.get("output", flows.PORT)
    ),
    "insights": insights_answer,
    "chart": chart_answer,
    "code": code_answer,
}


def fault_of(error: StepError) -> dict[str, Any]:
    names = ("node_id", "operator", "reason", "column", "row", "value", "source")
    return {name: getattr(error, name) for name in names}

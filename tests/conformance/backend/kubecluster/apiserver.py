"""The HTTP side of the stand-in cluster: the paths, verbs and answers of Kubernetes' API that the backend may use."""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from backend.kubecluster.state import Resource, State
from backend.kubecluster.validation import Refused, check

ROOT = Path(__file__).parents[4]
GUIDE = ROOT / "docs" / "how-to" / "run-on-a-kubernetes-cluster.md"
_PATH = re.compile(
    r"/(?:api/v1|apis/batch/v1)(?:/namespaces/sagewright)?/(jobs|pods|secrets|services|nodes)(?:/([a-z0-9.-]+))?(/log)?"
)
KINDS = {"jobs": "Job", "pods": "Pod", "secrets": "Secret", "services": "Service", "nodes": "Node"}
GROUPS = {"jobs": "batch"}


def manifests_of(page: Path) -> list[Resource]:
    """The resources in the YAML blocks of a page."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [one for block in blocks for one in yaml.safe_load_all(block) if one and "apiVersion" in one]


def allowed_verbs() -> set[tuple[str, str, str]]:
    """Group, resource and verb of everything that the roles of the how-to allow."""
    rules = [rule for one in manifests_of(GUIDE) if one["kind"] in {"Role", "ClusterRole"} for rule in one["rules"]]
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


class Answered(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message,
                     "code": status}  # fmt: skip


class ApiServer:
    """`before`: called with verb and kind of each request, before it is carried out; `log`: the output of a pod."""

    def __init__(self, state: State, token: str, log: Callable[[str], str]) -> None:
        self.state, self.token, self.log = state, token, log
        self.before: Callable[[str, str], None] = lambda _verb, _kind: None
        self.port = 0
        self._allowed = allowed_verbs()
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_request(self) -> None:
                outer.handle(self)

            do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = handle_request  # noqa: N815 (the base class's names)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        if self._server is None:  # a connection from before the server went away
            request.close_connection = True
            return
        try:
            status, answer = 200, self._answer(request, body)
        except Answered as error:
            status, answer = error.status, json.dumps(error.body).encode()
        with suppress(OSError):
            request.send_response(status)
            request.send_header("Content-Type", "application/json")
            request.send_header("Content-Length", str(len(answer)))
            request.end_headers()
            request.wfile.write(answer)

    def _answer(self, request: BaseHTTPRequestHandler, body: bytes) -> bytes:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            raise Answered(401, "Unauthorized", "Unauthorized")
        parts = urlsplit(request.path)
        found = _PATH.fullmatch(parts.path)
        if found is None:
            raise Answered(404, "NotFound", "the server could not find the requested resource")
        plural, name, log = found[1], found[2], found[3]
        query = {key: values[0] for key, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
        verb = {"GET": "get" if name else "list", "POST": "create", "DELETE": "delete"}.get(request.command, "")
        self._check_allowed(plural + (log or ""), GROUPS.get(plural, ""), verb)
        self.before(verb, KINDS[plural])
        if log:
            return self.log(name).encode()
        with self.state.changed:
            return json.dumps(self._do(verb, KINDS[plural], name, query, body)).encode()

    def _check_allowed(self, resource: str, group: str, verb: str) -> None:
        if (group, resource, verb) not in self._allowed:
            raise Answered(403, "Forbidden", f'{resource} is forbidden: User "sagewright" cannot {verb} it')

    def _do(self, verb: str, kind: str, name: str, query: dict[str, str], body: bytes) -> Resource:
        if verb == "create":
            return self._create(kind, json.loads(body))
        if verb == "list":
            wanted = dict(one.split("=") for one in query.get("labelSelector", "").split(",") if one)
            listed = [
                one for one in self.state.all(kind) if wanted.items() <= one["metadata"].get("labels", {}).items()
            ]
            return {"kind": f"{kind}List", "apiVersion": "v1", "items": copy.deepcopy(listed)}
        one = self.state.resources.get((kind, name))
        if one is None:
            raise Answered(404, "NotFound", f'{kind} "{name}" not found')
        if verb == "delete":
            options = json.loads(body) if body else {}
            if options.get("kind") != "DeleteOptions" or options.get("propagationPolicy") != "Background":
                raise Answered(400, "BadRequest", "the stand-in knows only Background")
            self.state.delete(one, options.get("gracePeriodSeconds"))
        return copy.deepcopy(one)

    def _create(self, kind: str, resource: Resource) -> Resource:
        if resource.get("kind") != kind:
            raise Answered(400, "BadRequest", f"the object is not a {kind}")
        try:
            check(resource)
            return copy.deepcopy(self.state.add(resource))
        except Refused as error:
            raise Answered(422, "Invalid", f"{kind} is invalid: {error}") from error
        except KeyError as error:
            raise Answered(409, "AlreadyExists", f"{kind} already exists") from error

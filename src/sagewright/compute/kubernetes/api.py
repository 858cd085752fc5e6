"""A client for the few requests to Kubernetes' API that the backend makes.

The official client takes 142 MiB and 1.4 s of CPU to import (37.0), which is too much for the server's process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from sagewright.compute.backend import BackendUnreachable, NoBackend
from sagewright.compute.kubernetes.credentials import ApiAccess

Resource = dict[str, Any]
"""A resource of Kubernetes as its JSON document."""
_CONNECT_S, _ANSWER_S = 5.0, 30.0
_CONNECTIONS = 8
_MOST_SAID = 1000
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_NOT_FOUND, _CONFLICT = 404, 409
_PATHS = {"Job": "/apis/batch/v1", "Pod": "/api/v1", "Secret": "/api/v1", "Service": "/api/v1", "Node": "/api/v1"}
_PLURALS = {"Job": "jobs", "Pod": "pods", "Secret": "secrets", "Service": "services", "Node": "nodes"}


class KubernetesRefused(RuntimeError):
    """The API server refused a request; the message is its own. `status`: of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ClusterApi:
    """Requests about one namespace, and about nodes. Safe to use from many threads.

    Every method raises KubernetesRefused, and BackendUnreachable if the API server does not answer now.
    """

    def __init__(self, access: ApiAccess, namespace: str) -> None:
        self._access, self._namespace = access, namespace
        self._pool = urllib3.PoolManager(
            maxsize=_CONNECTIONS,
            block=True,
            retries=False,
            timeout=urllib3.Timeout(connect=_CONNECT_S, read=_ANSWER_S),
            ssl_context=access.tls,
        )

    def create(self, resource: Resource) -> Resource | None:
        """Returns the new resource; None if there is one of that name."""
        try:
            return _parsed(self._ask("POST", self._path(resource["kind"]), resource))
        except KubernetesRefused as error:
            if error.status == _CONFLICT:
                return None
            raise

    def get(self, kind: str, name: str) -> Resource | None:
        try:
            return _parsed(self._ask("GET", self._path(kind, name)))
        except KubernetesRefused as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    def list(self, kind: str, **labels: str) -> list[Resource]:
        chosen = {"labelSelector": ",".join(f"{name}={value}" for name, value in labels.items())} if labels else {}
        return list(_parsed(self._ask("GET", self._path(kind), query=chosen))["items"])

    def delete(self, kind: str, name: str, grace_s: int | None = None) -> None:
        """Deletes a resource, and in the background all that it owns; does nothing if there is none. `grace_s`: None: the pod's."""
        options: Resource = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if grace_s is not None:
            options["gracePeriodSeconds"] = grace_s
        try:
            self._ask("DELETE", self._path(kind, name), options)
        except KubernetesRefused as error:
            if error.status != _NOT_FOUND:
                raise

    def log(self, pod: str, lines: int) -> str:
        """Returns the last lines that a pod has printed; "" if there are none, or its node does not answer."""
        try:
            return self._ask("GET", self._path("Pod", pod) + "/log", query={"tailLines": str(lines)}).decode(
                errors="replace"
            )
        except (KubernetesRefused, BackendUnreachable):
            return ""

    def close(self) -> None:
        self._pool.clear()

    def _path(self, kind: str, name: str = "") -> str:
        place = "" if kind == "Node" else f"/namespaces/{quote(self._namespace)}"
        return f"{_PATHS[kind]}{place}/{_PLURALS[kind]}" + (f"/{quote(name)}" if name else "")

    def _ask(
        self, method: str, path: str, body: Resource | None = None, query: Mapping[str, str] | None = None
    ) -> bytes:
        url = f"{self._access.server}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            token = self._access.token()
            headers = {"Accept": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
            content = None if body is None else json.dumps(body).encode()
            if content is not None:
                headers["Content-Type"] = "application/json"
            answer = self._pool.request(method, url, body=content, headers=headers, redirect=False)
        except (urllib3.exceptions.HTTPError, NoBackend) as error:
            raise BackendUnreachable(f"the API server {self._access.server} does not answer: {error}") from error
        if 200 <= answer.status < 300:
            return answer.data
        said = _message(answer.data) or f"HTTP status {answer.status}"
        if answer.status in _AGAIN:
            raise BackendUnreachable(f"the API server {self._access.server} answers: {said}")
        raise KubernetesRefused(answer.status, said)


def _parsed(answer: bytes) -> Resource:
    try:
        parsed: Resource = json.loads(answer)
    except ValueError as error:
        raise BackendUnreachable(f"the API server's answer is not JSON: {error}") from error
    return parsed


def _message(answer: bytes) -> str:
    """Returns the message of a Status, the answer to a refused request."""
    try:
        return str(json.loads(answer)["message"])[:_MOST_SAID]
    except (ValueError, KeyError, TypeError):
        return " ".join(answer.decode(errors="replace").split())[:_MOST_SAID]

"""How a client reaches the API server of a cluster: from a kubeconfig, or from the files that a pod has.

Source: Kubernetes' documentation of kubeconfig files, of client.authentication.k8s.io/v1, and of access to the API from a pod.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from sagewright.compute.backend import NoBackend

POD_FILES = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_PROGRAM_S = 30.0
_EARLY_S = 60.0
"""Time before its expiry at which a program's token is replaced."""
_FRESH_S = 60.0
"""Maximum age of a token that was read from a file: the kubelet rotates a pod's."""

Token = Callable[[], str]
"""Returns the bearer token of the next request; "" for none. Raises NoBackend."""


@dataclass(frozen=True)
class ApiAccess:
    """The API server's URL, the context of its TLS (None: plain HTTP), the token, and the namespace of the configuration."""

    server: str
    tls: ssl.SSLContext | None
    token: Token
    namespace: str


def find_access(path: str) -> ApiAccess:
    """Returns the access by the kubeconfig at `path`; without a path as kubectl would: $KUBECONFIG, ~/.kube/config, the files of a
    pod. Raises NoBackend."""
    chosen = path or os.environ.get("KUBECONFIG", "").partition(os.pathsep)[0]
    default = Path("~/.kube/config").expanduser()
    if not chosen and not default.is_file() and (POD_FILES / "token").is_file():
        return _in_pod()
    file = Path(chosen).expanduser() if chosen else default
    try:
        return _from_kubeconfig(yaml.safe_load(file.read_text()), file.parent)
    except OSError as error:
        raise NoBackend(f"The kubeconfig {file} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, StopIteration, ssl.SSLError) as error:
        raise NoBackend(f"The kubeconfig {file} cannot be used: {type(error).__name__} {error}") from error


def _in_pod() -> ApiAccess:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise NoBackend("KUBERNETES_SERVICE_HOST is not set, although this is a pod.")
    server = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    tls = ssl.create_default_context(cafile=str(POD_FILES / "ca.crt"))
    return ApiAccess(server, tls, FileToken(POD_FILES / "token"), (POD_FILES / "namespace").read_text().strip())


def _from_kubeconfig(config: Mapping[str, Any], folder: Path) -> ApiAccess:
    context = _named(config, "contexts", config["current-context"])["context"]
    cluster = _named(config, "clusters", context["cluster"])["cluster"]
    user = _named(config, "users", context["user"])["user"] if context.get("user") else {}
    server = str(cluster["server"]).rstrip("/")
    tls = _tls(cluster, user, folder) if server.startswith("https:") else None
    return ApiAccess(server, tls, _token(user, folder), str(context.get("namespace") or ""))


def _named(config: Mapping[str, Any], kind: str, name: str) -> Mapping[str, Any]:
    for one in config.get(kind) or []:
        if one["name"] == name:
            found: Mapping[str, Any] = one
            return found
    raise ValueError(f"it has no {name!r} in {kind}")


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path) -> ssl.SSLContext:
    authority = cluster.get("certificate-authority-data")
    file = cluster.get("certificate-authority")
    context = ssl.create_default_context(
        cafile=str(folder / file) if file and not authority else None,
        cadata=base64.b64decode(authority).decode() if authority else None,
    )
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if user.get("client-certificate") or user.get("client-certificate-data"):
        _present(context, user, folder)
    return context


def _present(context: ssl.SSLContext, user: Mapping[str, Any], folder: Path) -> None:
    """Loads the user's certificate: `ssl` takes it only from a file, which is deleted at once."""
    with tempfile.TemporaryDirectory() as place:
        paths = []
        for name in ("client-certificate", "client-key"):
            if data := user.get(f"{name}-data"):
                paths.append(Path(place) / name)
                paths[-1].touch(mode=0o600)
                paths[-1].write_bytes(base64.b64decode(data))
            else:
                paths.append(folder / str(user[name]))
        context.load_cert_chain(*map(str, paths))


def _token(user: Mapping[str, Any], folder: Path) -> Token:
    if user.get("exec"):
        return ProgramToken(user["exec"])
    if user.get("tokenFile"):
        return FileToken(folder / user["tokenFile"])
    if user.get("auth-provider") or user.get("username"):
        raise ValueError("auth-provider and passwords are not supported; use a token, a certificate or exec")
    token = str(user.get("token") or "")
    return lambda: token


class FileToken:
    """A token in a file that another program keeps fresh."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._token, self._read_at = "", float("-inf")

    def __call__(self) -> str:
        if time.monotonic() - self._read_at > _FRESH_S:
            try:
                self._token = self._path.read_text().strip()
            except OSError as error:
                raise NoBackend(f"The token {self._path} cannot be read: {error.strerror}") from error
            self._read_at = time.monotonic()
        return self._token


class ProgramToken:
    """A token from a program, such as those of cloud providers (`exec` of a user in a kubeconfig)."""

    def __init__(self, program: Mapping[str, Any]) -> None:
        self._command = [str(program["command"]), *map(str, program.get("args") or [])]
        self._version = str(program["apiVersion"])
        self._environ = {str(one["name"]): str(one["value"]) for one in program.get("env") or []}
        self._lock = threading.Lock()
        self._token, self._until = "", float("-inf")

    def __call__(self) -> str:
        with self._lock:
            if time.time() > self._until - _EARLY_S:
                self._token, self._until = self._ask()
            return self._token

    def _ask(self) -> tuple[str, float]:
        request = {"apiVersion": self._version, "kind": "ExecCredential", "spec": {"interactive": False}}
        environ = {**os.environ, **self._environ, "KUBERNETES_EXEC_INFO": json.dumps(request)}
        try:
            done = subprocess.run(
                self._command, env=environ, capture_output=True, text=True, check=True, timeout=_PROGRAM_S,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
            status = json.loads(done.stdout)["status"]
            expires = status.get("expirationTimestamp")
            return str(status["token"]), datetime.fromisoformat(expires).timestamp() if expires else float("inf")
        except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
            raise NoBackend(f"{self._command[0]} gave no token for the Kubernetes cluster: {error}") from error

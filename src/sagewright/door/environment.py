"""Environment variables that point a program to a server."""

from __future__ import annotations

import configparser
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sagewright.model.aws.arns import ROLE_NAME, role_arn

HOOK = Path(__file__).parent / "hook"
CONNECT_S = 5
ANSWER_S = 1
HEALTH = "/_sagewright/health"
AUTHORITY, BUNDLE = "ca.pem", "ca-bundle.pem"
"""Files next to the URL: the server's certificate authority, and all authorities that a client trusts."""
_SYSTEM_BUNDLES = tuple(map(Path, (
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
)))  # fmt: skip
FAST_WAITS = "SAGEWRIGHT_FAST_WAITS"
NOWHERE = "http://no-server-runs.sagewright.invalid"
"""An endpoint that no name server resolves, by RFC 2606."""


class NoServer(RuntimeError):
    """No server answers for that data directory; the message says how to start one."""


@dataclass(frozen=True)
class ServerTarget:
    """A running server and the credentials to use. `runtime`: address of invocations, "" for the same one; `authority`: file with
    the certificate authority to trust, "" for those that the system trusts."""

    endpoint: str
    access_key_id: str
    secret_access_key: str
    region: str
    account: str
    runtime: str = ""
    authority: str = ""

    @property
    def role(self) -> str:
        return role_arn(self.account, ROLE_NAME)


def find_target(data: Path, region: str, account: str) -> ServerTarget:
    """Returns the server that runs on `data`, with the region and account that it reports, by default `region` and `account`.

    Raises NoServer.
    """
    try:
        endpoint = (data / "endpoint").read_text().strip()
    except FileNotFoundError:
        raise NoServer(f"No server runs on {data}. Start one: sagewright up --data {data}") from None
    authority = data / AUTHORITY if endpoint.startswith("https:") and (data / AUTHORITY).exists() else None
    if not _answers(endpoint, authority):
        raise NoServer(f"No server answers at {endpoint} any more. Start it again: sagewright up --data {data}")
    parser = configparser.ConfigParser()
    parser.read(data / "credentials")
    key = parser["default"]
    return ServerTarget(
        endpoint,
        key["aws_access_key_id"],
        key["aws_secret_access_key"],
        key.get("region", region),
        key.get("aws_account_id", account),
        _noted(data / "runtime-endpoint"),
        str(authority or ""),
    )


def _noted(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _answers(endpoint: str, authority: Path | None) -> bool:
    """Returns True if a server answers, and not a front that keeps the port for the next server and answers 503."""
    parts = urlsplit(endpoint)
    request = f"GET {HEALTH} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
    try:
        with _connected(parts.hostname or "", parts.port, authority, secure=parts.scheme == "https") as connection:
            connection.sendall(request.encode())
            connection.settimeout(ANSWER_S)
            try:
                return b" 503 " not in connection.recv(64)
            except TimeoutError:  # it is busy
                return True
    except OSError:
        return False


def _connected(host: str, port: int | None, authority: Path | None, *, secure: bool) -> socket.socket:
    """Raises OSError."""
    made = socket.create_connection((host, port or (443 if secure else 80)), timeout=CONNECT_S)
    if not secure:
        return made
    import ssl

    try:
        return ssl.create_default_context(cafile=authority).wrap_socket(made, server_hostname=host)
    except BaseException:
        made.close()
        raise


def _trusting(authority: str, data: Path) -> dict[str, str]:
    """Returns the variables by which clients trust an authority besides those of the system."""
    bundle = data / BUNDLE
    known = next((place for place in _SYSTEM_BUNDLES if place.exists()), None)
    content = (known.read_bytes() if known else b"") + b"\n" + Path(authority).read_bytes()
    try:
        if not bundle.exists() or bundle.read_bytes() != content:
            bundle.write_bytes(content)
    except OSError:  # a folder that can't be written: AWS's clients need no more than the authority
        return {"AWS_CA_BUNDLE": authority, "NODE_EXTRA_CA_CERTS": authority}
    names = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    return dict.fromkeys(names, str(bundle)) | {"NODE_EXTRA_CA_CERTS": authority}


def variables(
    target: ServerTarget, data: Path, environ: Mapping[str, str], fast_waits: bool | None = None
) -> dict[str, str | None]:
    """Returns the variables to set in `environ` (None: to unset) for a program. `fast_waits`: None leaves it to `environ`.

    AWS_ENDPOINT_URL affects every SDK and the AWS CLI. An import hook on PYTHONPATH handles the values that the SageMaker SDKs
    hard-code (the STS host), their telemetry and their long sleeps.
    """
    host = urlsplit(target.endpoint).hostname or ""
    changes: dict[str, str | None] = {
        name: None
        for name in environ
        if name.startswith("AWS_ENDPOINT_URL_")
        or name in {"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"}
    }
    if target.runtime:
        changes["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] = target.runtime
    changes |= {
        "AWS_ENDPOINT_URL": target.endpoint,
        "SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT": target.runtime or target.endpoint,
        "AWS_ACCESS_KEY_ID": target.access_key_id,
        "AWS_SECRET_ACCESS_KEY": target.secret_access_key,
        "AWS_REGION": target.region,
        "AWS_DEFAULT_REGION": target.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAGEMAKER_ROLE_ARN": target.role,
        "SAGEWRIGHT_DATA": str(data),
        FAST_WAITS: environ.get(FAST_WAITS, "1") if fast_waits is None else str(int(fast_waits)),
        "PYTHONPATH": _joined(str(HOOK), environ.get("PYTHONPATH"), os.pathsep),
        "NO_PROXY": _joined(host, environ.get("NO_PROXY"), ","),
        "no_proxy": _joined(host, environ.get("no_proxy"), ","),
    }
    if target.authority:
        changes |= _trusting(target.authority, data)
    return changes


def _joined(first: str, rest: str | None, separator: str) -> str:
    parts = [first, *(part for part in (rest or "").split(separator) if part and part != first)]
    return separator.join(parts)


def applied(changes: Mapping[str, str | None], environ: Mapping[str, str]) -> dict[str, str]:
    """Returns `environ` with the changes applied."""
    merged: dict[str, str | None] = {**environ, **changes}
    return {name: value for name, value in merged.items() if value is not None}

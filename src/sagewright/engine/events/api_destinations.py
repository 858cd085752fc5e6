"""Events as HTTP requests: API destinations, with their connection's key and a signature made with it.

The URL is a user's choice. Therefore its host is resolved once and only allowed addresses are connected to, redirects are not
followed, only the status of the answer is read, and the whole request has a deadline.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, quote, urlencode, urlsplit

import orjson

from sagewright.engine.events.targets import TargetMessage, Undeliverable
from sagewright.model import addresses
from sagewright.model.members import TypedDocument, member
from sagewright.store.database import Database
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

CONNECTION, DESTINATION = "event-connection", "api-destination"
CONNECT_S = 3.0
TOTAL_S = 10.0
RETRIED = frozenset({401, 407, 408, 409, 429})
"""Client-error statuses that AWS retries, in addition to all from 500 on."""
SIGNATURE = "X-Sagewright-Signature"
PUBLIC, ANY = "public", "any"


@dataclass(frozen=True)
class Hook:
    """A request that is ready to send."""

    method: str
    url: SplitResult
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class HookAuth:
    """Type of a connection, and its AuthParameters with their secrets."""

    type: str
    parameters: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ApiDestination(TypedDocument):
    """`connection`: ARN of its connection; `url`: with an asterisk for each path parameter."""

    connection: str = member("ConnectionArn")
    url: str = member("InvocationEndpoint")
    method: str = member("HttpMethod")


@dataclass(frozen=True, kw_only=True)
class HookConnection(TypedDocument):
    """`sealed`: AuthParameters, which contain secrets, as sealed JSON; see `opened_auth`."""

    type: str = member("AuthorizationType")
    sealed: str = member("SealedAuthParameters")


def sealed_auth(store: Database, connection: Resource | ResourceScope, name: str, auth: dict[str, Any]) -> str:
    """Seals the AuthParameters of a connection."""
    return store.secrets.seal(orjson.dumps(auth).decode(), _secret_of(connection, name))


def opened_auth(store: Database, connection: Resource) -> dict[str, Any]:
    """Returns the AuthParameters with their secrets. Raises MasterKeyFault."""
    sealed = HookConnection.read(connection.document).sealed
    opened: dict[str, Any] = orjson.loads(store.secrets.open(sealed, _secret_of(connection, connection.name)))
    return opened


def _secret_of(connection: Resource | ResourceScope, name: str) -> str:
    return f"{CONNECTION}/{connection.account}/{connection.region}/{name}"


def resource_arn(kind: str, resource: Resource) -> str:
    return f"arn:aws:events:{resource.region}:{resource.account}:{kind}/{resource.name}/{resource.id}"


def connection_arn(resource: Resource) -> str:
    return resource_arn("connection", resource)


def destination_arn(resource: Resource) -> str:
    return resource_arn("api-destination", resource)


class Hooks:
    """Sends to API destinations. `networks`: public networks only, or any network except those without hosts (the setting
    `hook_networks`)."""

    def __init__(self, store: Database, networks: str) -> None:
        self._store, self._networks = store, networks

    def send(self, message: TargetMessage) -> None:
        """Sends a message. Raises Undeliverable."""
        destination = self._find(DESTINATION, message.arn, destination_arn)
        target = ApiDestination.read(destination.document)
        connection = self._find(CONNECTION, target.connection, connection_arn)
        auth = HookAuth(HookConnection.read(connection.document).type, opened_auth(self._store, connection))
        status = self._status(_hook(message, target, auth))
        if not 200 <= status < 300:
            raise Undeliverable(f"it answered with the status {status}", again=status >= 500 or status in RETRIED)

    def _find(self, kind: str, arn: str, arn_of: Any) -> Resource:
        parts = arn.split(":")
        name = parts[5].split("/")[1]
        found = resources.find(self._store, ResourceScope(kind, parts[4], parts[3]), name)
        if found is None or arn_of(found) != arn:
            raise Undeliverable(f"{arn} does not exist")
        return found

    def _status(self, hook: Hook) -> int:
        host, port = hook.url.hostname or "", hook.url.port or (443 if hook.url.scheme == "https" else 80)
        deadline = time.monotonic() + TOTAL_S
        try:
            with socket.create_connection((self._address(host, port), port), timeout=CONNECT_S) as plain:
                ends = threading.Timer(max(0.0, deadline - time.monotonic()), _end, [plain])
                ends.daemon = True
                ends.start()
                try:
                    status = _exchange(plain, hook, host)
                finally:
                    ends.cancel()
            if time.monotonic() < deadline:
                return status
            raise TimeoutError  # endless headers
        except (OSError, http.client.HTTPException) as error:
            late = time.monotonic() >= deadline
            reason = (
                f"it did not answer in {TOTAL_S:g} s"
                if late
                else f"it could not be asked: {error or type(error).__name__}"
            )
            raise Undeliverable(reason, again=not isinstance(error, ssl.SSLCertVerificationError)) from None

    def _address(self, host: str, port: int) -> str:
        """Returns the address to connect to, whatever the name resolves to a moment later. Raises Undeliverable, OSError."""
        found = str(addresses.resolved(host, port))
        if not allowed(found, self._networks):
            raise Undeliverable(
                f"{host} is at {found}, which the setting hook_networks ({self._networks}) does not allow"
            )
        return found


def allowed(address: str, networks: str) -> bool:
    """True if the address is allowed; never for the address where clouds serve machine credentials, in any notation."""
    found = addresses.read(address)
    return addresses.public(found) if networks == PUBLIC else not addresses.refused(found)


def _end(plain: socket.socket) -> None:
    """Shuts the socket down, which unblocks the thread that waits on it."""
    try:
        plain.shutdown(socket.SHUT_RDWR)
    except OSError:
        plain.close()


def _exchange(plain: socket.socket, hook: Hook, host: str) -> int:
    sock = plain
    if hook.url.scheme == "https":
        sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    connection = http.client.HTTPConnection(host, hook.url.port)
    connection.sock = sock
    try:
        target = (hook.url.path or "/") + (f"?{hook.url.query}" if hook.url.query else "")
        connection.request(hook.method, target, hook.body, hook.headers)
        return connection.getresponse().status
    finally:
        connection.close()


def _hook(message: TargetMessage, destination: ApiDestination, auth: HookAuth) -> Hook:
    """Builds the request. Raises ValueError for an invalid URL, Undeliverable for an unsupported scheme."""
    own = message.target.get("HttpParameters") or {}
    shared = auth.parameters.get("InvocationHttpParameters") or {}
    text = destination.url
    for value in own.get("PathParameterValues") or ():
        text = text.replace("*", quote(value, safe=""), 1)
    url = urlsplit(text)
    if url.scheme not in {"http", "https"} or not url.hostname or url.username:
        raise Undeliverable("the InvocationEndpoint is not the URL of a host")
    pairs = {one["Key"]: one["Value"] for one in shared.get("QueryStringParameters") or ()}
    pairs |= own.get("QueryStringParameters") or {}
    query = "&".join(part for part in (url.query, urlencode(pairs)) if part)
    body = message.text.encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Sagewright/EventBridge/ApiDestinations",
    }
    headers |= {one["Key"]: one["Value"] for one in shared.get("HeaderParameters") or ()}
    headers |= own.get("HeaderParameters") or {}
    headers |= _signed(auth, body) | {"X-Sagewright-Event-Id": message.event["id"]}
    return Hook(destination.method, url._replace(query=query), headers, body)


def _signed(hook_auth: HookAuth, body: bytes) -> dict[str, str]:
    """Returns the connection's key, and an HMAC of the time and the body made with it: receivers that have the key can verify the
    sender."""
    auth = hook_auth.parameters
    if hook_auth.type == "API_KEY":
        key = auth["ApiKeyAuthParameters"]["ApiKeyValue"]
        headers = {auth["ApiKeyAuthParameters"]["ApiKeyName"]: key}
    else:
        name, key = auth["BasicAuthParameters"]["Username"], auth["BasicAuthParameters"]["Password"]
        headers = {"Authorization": "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()}
    return headers | {SIGNATURE: signature(key, int(time.time()), body)}


def signature(key: str, at_s: int, body: bytes) -> str:
    digest = hmac.new(key.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"

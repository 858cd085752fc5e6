"""Admission of requests: bodies are read, and requests answered, only with a valid signature."""

from __future__ import annotations

import asyncio
import re

from sagewright.front import faults
from sagewright.front.keys import Keys, Permissions
from sagewright.http.asgi import Incoming
from sagewright.http.body import BytesBody
from sagewright.http.messages import HttpRequest
from sagewright.model.aws.access_questions import AccessQuestion
from sagewright.model.errors import AwsError
from sagewright.wire.signatures.authentication import DIGEST, Authenticator

MOST_BODY = 25 * 1024 * 1024
"""Source: AWS's developer guide since 2025; before that, it was 6 MB."""
UNASKED = 64 * 1024
_OWN = frozenset({"", "127.0.0.1", "::1"})
"""Addresses of clients on this machine; those that the server relays have none."""
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/")
LONG = 256 * 1024
"""Size from which hashing a body would block the event loop for too long."""


class Admission:
    """To be used from one event loop. `region`: the region for which requests must be signed."""

    def __init__(self, keys: Keys, permissions: Permissions, region: str) -> None:
        self._keys, self._permissions = keys, permissions
        self.serve(region)

    def serve(self, region: str, *, anywhere: bool = False) -> None:
        """Sets the server's region; `anywhere` admits all other regions too."""
        self._authenticator = Authenticator(self._keys.find, region, anywhere)

    def region_of(self, request: HttpRequest, service: str) -> str:
        """Returns the region that a request is signed for."""
        return self._authenticator.region_of(request, service)

    async def admitted(self, incoming: Incoming, service: str) -> bytes:
        """Returns the body of a request with a valid signature. Reads only a little of it before the request names a known key.

        Raises AwsError, ClientGone.
        """
        request = incoming.request
        if (claimed := _claimed(request)) is not None:
            try:
                await self._keys.look_up(claimed)
            except TimeoutError:
                raise faults.unavailable("The access key can't be looked up now; try again later.") from None
        if incoming.length is None or incoming.length > UNASKED:
            self._authenticator.vet(request, service)
        body = await incoming.whole(MOST_BODY, too_long)
        if len(body) > LONG:
            body = await asyncio.to_thread(self._verified, request, body, service)
        else:
            body = self._verified(request, body, service)
        incoming.prove()
        return body

    def admitted_now(self, request: HttpRequest, body: bytes, service: str, action: str, resource: str) -> bytes | None:
        """Returns the body of a whole request that would be admitted and permitted; None if not, or if the server has to decide."""
        claimed = _claimed(request)
        if claimed is None or not self._keys.is_fresh(claimed):
            return None
        try:
            if not self._permits_now(request, service, action, resource):
                return None
            return self._verified(request, body, service)
        except AwsError:
            return None

    def _permits_now(self, request: HttpRequest, service: str, action: str, resource: str) -> bool:
        permissions = self._permissions
        return not permissions.is_enforced or permissions.allows_now(self._question(request, service, action, resource))

    def _verified(self, request: HttpRequest, body: bytes, service: str) -> bytes:
        """Returns the body as it was signed. Raises AwsError."""
        request.body = BytesBody(body)
        self._authenticator.authenticate(request, service)
        return request.body.read() if DIGEST in request.headers else body

    async def permit(self, incoming: Incoming, service: str, action: str, resource: str) -> None:
        """Decides what an admitted request asks for. `resource`: an ARN, or the name of an endpoint. Raises AwsError."""
        if not self._permissions.is_enforced:
            return
        try:
            await self._permissions.check(self._question(incoming.request, service, action, resource))
        except TimeoutError:
            raise faults.unavailable("The permissions of the key can't be looked up now; try again later.") from None

    def _question(self, request: HttpRequest, service: str, action: str, resource: str) -> AccessQuestion:
        return AccessQuestion(
            _claimed(request) or "",
            action,
            resource,
            self.region_of(request, service),
            request.address,
            request.scheme == "https" or request.address in _OWN,
            request.headers.get("user-agent"),
            request.headers.get("x-amzn-sagemaker-target-model"),
        )


def too_long(most: int) -> AwsError:
    return AwsError("ValidationError", f"The body of a request has at most {most} bytes.", 413)


def _claimed(request: HttpRequest) -> str | None:
    """Returns the access key that the request claims to be signed with."""
    found = _CREDENTIAL.search(request.headers.get("authorization", ""))
    if found is None and "X-Amz-Credential=" in request.query:
        credential = dict(request.query_pairs()).get("X-Amz-Credential", "")
        return credential.partition("/")[0] or None
    return found[1] if found else None

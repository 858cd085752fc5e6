"""Who may ask: bodies are read, and requests answered, for those who have signed them."""

from __future__ import annotations

import asyncio
import re

from sagewright.front import faults
from sagewright.front.keys import Keys
from sagewright.http.asgi import Incoming
from sagewright.http.body import BytesBody
from sagewright.http.messages import HttpRequest
from sagewright.model.errors import AwsError
from sagewright.wire.signatures.authentication import Authenticator

MOST_BODY = 25 * 1024 * 1024
"""Source: AWS's developer guide since 2025; before it was 6 MB."""
UNASKED = 64 * 1024
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/")
LONG = 256 * 1024
"""A body that takes the event loop too long to hash."""


class Admission:
    """To be used from one event loop. `region`: for which requests have to be signed."""

    def __init__(self, keys: Keys, region: str) -> None:
        self._keys = keys
        self.serve(region)

    def serve(self, region: str, *, anywhere: bool = False) -> None:
        """The server's region, and whether it serves all others too."""
        self._authenticator = Authenticator(self._keys.find, region, anywhere)

    def region_of(self, incoming: Incoming, service: str) -> str:
        """The region that an admitted request is for."""
        return self._authenticator.region_of(incoming.request, service)

    async def admitted(self, incoming: Incoming, service: str) -> bytes:
        """The body of a request whose signature holds. No more than a little of it is read before somebody with a key is named.

        Raises AwsError, Gone.
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
        request.body = BytesBody(body)
        if len(body) > LONG:
            await asyncio.to_thread(self._authenticator.authenticate, request, service)
        else:
            self._authenticator.authenticate(request, service)
        incoming.prove()
        return body


def too_long(most: int) -> AwsError:
    return AwsError("ValidationError", f"The body of a request has at most {most} bytes.", 413)


def _claimed(request: HttpRequest) -> str | None:
    """The access key that the request says to be signed with."""
    found = _CREDENTIAL.search(request.headers.get("authorization", ""))
    if found is None and "X-Amz-Credential=" in request.query:
        credential = dict(request.query_pairs()).get("X-Amz-Credential", "")
        return credential.partition("/")[0] or None
    return found[1] if found else None

"""The image of a job's container: its reference for the engine, pulled if it is missing.

An ECR URI (`<account>.dkr.ecr.<region>.amazonaws.com/name:tag`) refers to the server's own registry first, and to the engine's
image of exactly that name if the registry has none.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from sagewright.model import addresses
from sagewright.sandbox.base import CannotLaunch, ImageRegistry
from sagewright.sandbox.containers.engine import ContainerEngine, EngineFailed

PULLING = "Downloading the training image"
_ECR = re.compile(r"^\d{12}\.dkr\.ecr(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/(?P<rest>.+)$")
_TYPES = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)


class ImageUnavailable(CannotLaunch):
    """The image can neither be found nor pulled; the message is in AWS's words and says why."""


@dataclass(frozen=True)
class ImageStore:
    """Images of one engine. `podman`: True for Podman; `registry`: the server's own; `hint`: appended to each message about an
    unavailable image."""

    engine: ContainerEngine
    podman: bool
    registry: ImageRegistry | None
    hint: str = ""

    def ensure(self, uri: str, say: Callable[[str], None]) -> dict[str, Any]:
        """Returns the engine's description of the image, pulled if necessary. Raises ImageUnavailable, EngineFailed."""
        own = self._in_registry(uri)
        digest = self._digest(own) if own else None
        if own and self.registry and digest:
            place = f"{self.registry.address}/{own[0]}@{digest}"
            found = self._inspect(place)
            return found or self._pulled(uri, place, say, self.registry)
        found = self._inspect(uri)
        if found:
            return found
        if own:
            raise ImageUnavailable(
                self._cannot_find(uri, "neither the registry nor the engine has an image of that name")
            )
        self._check_registry(uri)
        return self._pulled(uri, uri, say, None)

    def _in_registry(self, uri: str) -> tuple[str, str] | None:
        """Returns repository and reference (tag or digest) if the URI refers to the server's own registry."""
        if self.registry is None:
            return None
        ecr = _ECR.match(uri)
        rest = ecr["rest"] if ecr else uri.removeprefix(f"{self.registry.address}/")
        if ecr is None and rest == uri:
            return None
        name, _, digest = rest.partition("@")
        name, _, tag = name.partition(":")
        return name, digest or tag or "latest"

    def _digest(self, own: tuple[str, str]) -> str | None:
        """Returns the digest in the registry. Raises ImageUnavailable if it does not answer."""
        assert self.registry
        connection = http.client.HTTPConnection(self.registry.address, timeout=30)
        headers = {"Authorization": f"Basic {self.registry.basic()}", "Accept": _TYPES}
        try:
            connection.request("HEAD", f"/v2/{quote(own[0])}/manifests/{quote(own[1])}", headers=headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise ImageUnavailable(
                self._cannot_find("/".join(own), f"the registry does not answer: {error}")
            ) from error
        finally:
            connection.close()
        return answer.headers.get("Docker-Content-Digest") if answer.status == 200 else None

    def _inspect(self, reference: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self.engine.call("GET", f"/images/{quote(reference, safe='')}/json")
        except EngineFailed as error:
            if error.status == 404:
                return None
            raise
        return found

    def _pulled(
        self, uri: str, reference: str, say: Callable[[str], None], registry: ImageRegistry | None
    ) -> dict[str, Any]:
        say(PULLING)
        headers: tuple[str, ...] = ()
        if registry:
            auth = {"username": registry.user, "password": registry.password, "serveraddress": registry.address}
            headers = (f"X-Registry-Auth: {base64.urlsafe_b64encode(json.dumps(auth).encode()).decode()}",)
        try:
            answer = b"".join(
                self.engine.stream("POST", self._pull_path(reference, registry), None, headers, timeout_s=None)
            )
        except EngineFailed as error:
            raise ImageUnavailable(self._cannot_find(uri, str(error))) from error
        faults = [note["error"] for note in map(_note, answer.splitlines()) if note.get("error")]
        found = self._inspect(reference)
        if found is None or faults:
            raise ImageUnavailable(
                self._cannot_find(uri, "; ".join(faults) or "the engine does not have it after the pull")
            )
        return found

    def _check_registry(self, uri: str) -> None:
        """Checks the registry of a user's URI, which the engine contacts. Raises ImageUnavailable for an address where clouds serve
        credentials."""
        first, slash, _rest = uri.partition("/")
        if not slash or not (first == "localhost" or "." in first or ":" in first):
            return  # one of the engine's own registries
        parts = urlsplit(f"//{first}")
        try:
            found = addresses.resolved(parts.hostname or "", parts.port or 443)
        except (OSError, ValueError):
            return  # the engine reports it in its own words
        if addresses.refused(found):
            raise ImageUnavailable(self._cannot_find(uri, f"its registry is at {found}, from which no image is pulled"))

    def _cannot_find(self, uri: str, reason: str) -> str:
        wording = "Please check that your ECR image exists and can be pulled"
        return f"Cannot find the requested image: {uri}. {wording}: {reason}{self.hint}"

    def _pull_path(self, reference: str, registry: ImageRegistry | None) -> str:
        """Returns the path of a pull. Docker needs no TLS for a registry on loopback; Podman needs an option that only its own API
        has."""
        if registry and self.podman:
            return f"/v4.0.0/libpod/images/pull?reference={quote(reference, safe='')}&tlsVerify=false"
        return f"/images/create?fromImage={quote(reference, safe='')}"


def _note(line: bytes) -> dict[str, Any]:
    """Parses a line of a pull's progress."""
    try:
        note = json.loads(line)
    except ValueError:
        return {}
    return note if isinstance(note, dict) else {}

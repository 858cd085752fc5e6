"""The provider's documents over HTTPS, bounded in size and time, and kept for an hour.

Source: OpenID Connect Discovery 1.0; RFC 8414.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import urllib3

from sagewright.model.addresses import is_loopback
from sagewright.model.sign_on import SignOnRefused

TIMEOUT_S = 5.0
MOST_BYTES = 256 << 10
KEPT_S, AGAIN_S = 3600.0, 30.0
"""Time for which documents are kept, and after which the keys may be read again for one that is missing."""
AWAY_S = 10.0
"""Time for which a provider that failed is not called again: otherwise each attempt of an unauthenticated client would occupy a
thread."""
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class OidcProvider:
    """The provider at `issuer`. Safe to use from many threads; methods block, and raise SignOnRefused."""

    def __init__(self, issuer: str, again_s: float = AGAIN_S) -> None:
        self.issuer, self._again_s = issuer, again_s
        self._http = urllib3.PoolManager(timeout=TIMEOUT_S, retries=False)
        self._lock = threading.Lock()
        self._documents: dict[str, tuple[float, dict[str, Any]]] = {}
        self._away_until_s = 0.0

    def metadata(self) -> dict[str, Any]:
        """Returns the discovery document."""
        found = self._kept(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration", KEPT_S)
        if found.get("issuer") != self.issuer:
            raise SignOnRefused(f"The provider calls itself {found.get('issuer')!r}, not {self.issuer}.")
        for name in ENDPOINTS:
            if not _is_safe(str(found.get(name, ""))):
                raise SignOnRefused(f"The provider's {name} is not an HTTPS URL.")
        return found

    def keys(self, *, again: bool = False) -> dict[str, Any]:
        """Returns the provider's public keys; with `again`, newly read ones unless that was done a moment ago."""
        return self._kept(str(self.metadata()["jwks_uri"]), self._again_s if again else KEPT_S)

    def post(self, url: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, Any]:
        return self._sent("POST", url, fields=dict(fields), headers=dict(headers), encode_multipart=False)

    def _kept(self, url: str, most_s: float) -> dict[str, Any]:
        with self._lock:
            since_s, document = self._documents.get(url, (0.0, {}))
            now_s = time.monotonic()
            if document and now_s - since_s < most_s:
                return document
            if now_s < self._away_until_s:
                raise SignOnRefused("The provider did not answer a moment ago. Try again in a few seconds.")
            try:
                document = self._sent("GET", url)
            except SignOnRefused:
                self._away_until_s = time.monotonic() + AWAY_S
                raise
            self._documents[url] = time.monotonic(), document
            return document

    def _sent(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        if not _is_safe(url):
            raise SignOnRefused(f"{url} is not an HTTPS URL.")
        try:
            response = self._http.request(method, url, redirect=False, preload_content=False, **more)
            try:
                content = response.read(MOST_BYTES + 1, decode_content=True)
            finally:
                response.close()
            if response.status != 200 or len(content) > MOST_BYTES:
                raise SignOnRefused(f"The provider answered {response.status} with {len(content)} bytes at {url}.")
            document = json.loads(content)
        except (urllib3.exceptions.HTTPError, OSError, ValueError, RecursionError) as error:
            raise SignOnRefused(f"The provider can't be asked at {url}: {type(error).__name__}.") from None
        if not isinstance(document, dict):
            raise SignOnRefused(f"The provider's answer at {url} is not a JSON object.")
        return document


def _is_safe(url: str) -> bool:
    """Returns True for an HTTPS URL, or one on this machine."""
    split = urlsplit(url)
    return split.scheme == "https" or (split.scheme == "http" and is_loopback(split.hostname or ""))

"""Failures of package indexes in uv's output, in a sentence that says which index, why, and what to do."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_FETCHED = re.compile(r"Failed to (?:fetch|download):? `?(https?://[^\s`]+)")
_CAUSE = re.compile(r"^\s*(?:cause|Caused by): (.+)$", re.MULTILINE)
_NETWORK = re.compile(
    r"error sending request|client error \(Connect\)|timed out|timeout|dns error|[Cc]onnection|certificate|"
    r"HTTP status (?:client|server) error|error decoding response body"
)
_MOST = 200


def index_fault(output: str) -> str:
    """Returns the sentence about an index that could not be reached or refused to answer, "" if the output is of something else.

    A URL is shown without its user, password and query.
    """
    fetched = _FETCHED.search(output)
    if fetched is None:
        return ""
    causes = [cause for cause in _CAUSE.findall(output[fetched.start() :]) if _NETWORK.search(cause)]
    if not causes:
        return ""
    last = _CAUSE.findall(output)[-1].partition(" for url (")[0].strip()
    return f"The package index at {_shown(fetched[1])} cannot be reached: {_without_urls(last)}. {_remedy(last)}"


def _shown(url: str) -> str:
    try:
        parts = urlsplit(url.rstrip(").,"))
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "an unreadable URL"
    return f"{parts.scheme}://{host}{parts.path}"[:_MOST]


def _without_urls(text: str) -> str:
    return re.sub(r"https?://\S+", lambda found: _shown(found[0]), text)[:_MOST]


def _remedy(cause: str) -> str:
    if "certificate" in cause:
        return "Name the authority's certificates by `cert` in pip's configuration or by SSL_CERT_FILE, and restart the server."
    if "HTTP status client error" in cause:
        return "Check the index and its credentials in pip's configuration or PIP_INDEX_URL; a later job tries again."
    return (
        "Check the machine's network, or name another index by `index-url` in pip's configuration or PIP_INDEX_URL; "
        "a later job tries again."
    )

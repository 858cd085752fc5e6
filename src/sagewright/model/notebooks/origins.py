"""Origins of notebooks: every notebook has a host name, so that its pages can reach neither Studio nor other notebooks.

A notebook's page runs its user's scripts. Browsers separate origins, not paths: JupyterHub's security documentation recommends a
domain for each user.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass

APP, INSTANCE = "app", "notebook-instance"
PREFIXES = {APP: "lab", INSTANCE: "nb"}
MOST_LABEL = 63
"""Characters of a label. Source: RFC 1035, 2.3.4."""
MOST_PARTS = 128
LOCAL = "localhost"
PREFIX = "/_sagewright"
"""Prefix of this server's own paths on a notebook's origin."""
OPEN = f"{PREFIX}/open"
SIGN_OUT = f"{PREFIX}/sign-out"
TOKEN = "token"  # noqa: S105 - the name of a query's member
_PLAIN = re.compile(r"[a-z0-9](?:-?[a-z0-9])*")
_LABEL = re.compile(r"(?:lab|nb)-[a-z0-9-]{1,59}")
_HASH = 10
_HOST = re.compile(rb"\r\nhost[ \t]*:[ \t]*((?:lab|nb)-[^\r\n]*)", re.IGNORECASE)
_SIGNED = re.compile(rb"\r\nauthorization[ \t]*:[ \t]*AWS|^[^\r\n]*[?&](?:X-Amz-Signature|Signature)=", re.IGNORECASE)


def label_of(kind: str, name: str, key: str, *, plain: bool = True) -> str:
    """Returns the first label of a notebook's host name. `key`: identifies the notebook for good. `plain`: the name by itself
    is unique among notebooks with plain names.

    A name that is not a DNS label, or too long, gets a suffix made from `key`, after `--`, which no plain name contains.
    """
    prefix = PREFIXES[kind]
    if plain and _PLAIN.fullmatch(name) and len(prefix) + 1 + len(name) <= MOST_LABEL:
        return f"{prefix}-{name}"
    suffix = base64.b32encode(hashlib.sha256(key.encode()).digest()).decode().lower()[:_HASH]
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[: MOST_LABEL - len(prefix) - _HASH - 3].strip("-")
    return f"{prefix}-{stem}--{suffix}" if stem else f"{prefix}--{suffix}"


@dataclass(frozen=True)
class NotebookHosts:
    """The host names below which notebooks are: `*.localhost`, and `*.domain` if a domain is set."""

    domain: str = ""

    def label(self, host: str) -> str:
        """Returns the notebook's label in a Host header; "" if the host is not a notebook's."""
        name = host.lower().partition(":")[0].rstrip(".")
        label, _, base = name.partition(".")
        return label if base and base in {LOCAL, self.domain} and _LABEL.fullmatch(label) else ""

    def covers(self, host: str) -> bool:
        """Returns True for a notebook's host and for any name below it."""
        parts = host.lower().partition(":")[0].rstrip(".").split(".")
        return any(self.label(".".join(parts[start:])) for start in range(min(len(parts), MOST_PARTS)))

    def names(self, head: bytes) -> bool:
        """Returns True if the head of a request, up to the empty line, names a notebook's host and is not signed as AWS's clients
        do: the host can also be that of a bucket."""
        found = _HOST.search(head)
        if found is None or not self.label(found[1].decode("latin-1").strip()):
            return False
        return _SIGNED.search(head) is None

    def named_by(self, headers: list[tuple[bytes, bytes]], query: bytes) -> bool:
        """Returns the same for a parsed head: True if any Host header names a notebook's."""
        if not any(name == b"host" and self.label(value.decode("latin-1").strip()) for name, value in headers):
            return False
        head = b"GET /?%b\r\n" % query + b"".join(b"\r\n%b: %b" % one for one in headers if one[0] == b"authorization")
        return _SIGNED.search(head) is None

    def origin(self, label: str, url: str, local: bool = True) -> str:
        """Returns the origin of a notebook for a client that reaches the server at `url`: below `domain` if there is one, and below
        localhost otherwise."""
        scheme, _, rest = url.partition("://")
        authority = rest.partition("/")[0]
        port = authority.rpartition(":")[2] if authority.rpartition(":")[2].isdecimal() else ""
        base = LOCAL if local or not self.domain else self.domain
        return f"{scheme}://{label}.{base}" + (f":{port}" if port else "")

"""Which requests to the server's own port are a front's: invocations, and those for tracking servers.

Told from a parsed head, and from the first bytes of a connection, before anything is parsed.
"""

from __future__ import annotations

import re
from typing import Any

ARN_HEADER = "x-mlflow-sm-tracking-server-arn"
_PATH = re.compile(rb"/endpoints/[^/?]+/invocations(-response-stream)?")
_BEGIN = re.compile(rb"POST /endpoints/[^/? ]+/invocations(-response-stream)?[? ]")
_SIGNED = (b"/sagemaker/aws4_request", b"%2Fsagemaker%2Faws4_request")
_TRACKING = b"/sagemaker-mlflow/aws4_request"
_MOST_HEAD = 16 * 1024


def is_for_front(data: bytes) -> bool:
    """Whether a request that begins with `data` is certainly a front's: S3's paths may look alike, so the signature says for which
    service an invocation is. False also where the head is not all here."""
    invocation = data.startswith(b"POST /endpoints/") and _BEGIN.match(data) is not None
    if not invocation and _TRACKING not in data[:_MOST_HEAD]:
        return False
    end = data.find(b"\r\n\r\n", 0, _MOST_HEAD)
    if end < 0:
        return False
    head = data[:end]
    if invocation:
        return any(signed in head for signed in _SIGNED)
    return _TRACKING in head and b"\r\n" + ARN_HEADER.encode() in head.lower()


def is_parsed_for_front(scope: Any) -> bool:
    """The same of a request whose head was parsed, all of it."""
    if any(name == ARN_HEADER.encode() for name, _ in scope["headers"]):
        return True
    if scope["method"] != "POST" or not _PATH.fullmatch(scope["raw_path"].split(b"?")[0]):
        return False
    signed = next((value for name, value in scope["headers"] if name == b"authorization"), scope["query_string"])
    return any(one in signed for one in _SIGNED)

"""Routing of requests on the server's own port that belong to a front: invocations, and those for tracking servers and notebooks.

Decided from a parsed head, or from the first bytes of a connection before parsing.
"""

from __future__ import annotations

import re
from typing import Any

from sagewright.model.notebooks.origins import NotebookHosts

ARN_HEADER = "x-mlflow-sm-tracking-server-arn"
_PATH = re.compile(rb"/endpoints/[^/?]+/invocations(-response-stream)?")
_BEGIN = re.compile(rb"POST /endpoints/[^/? ]+/invocations(-response-stream)?[? ]")
_SIGNED = (b"/sagemaker/aws4_request", b"%2Fsagemaker%2Faws4_request")
_TRACKING = b"/sagemaker-mlflow/aws4_request"
_MOST_HEAD = 16 * 1024


def is_for_front(data: bytes, hosts: NotebookHosts) -> bool:
    """Returns True if a request that begins with `data` certainly belongs to a front. S3's paths can look alike, so the service in
    the signature decides about invocations. Returns False if the head is incomplete."""
    end = data.find(b"\r\n\r\n", 0, _MOST_HEAD)
    if end >= 0 and hosts.names(data[:end]):
        return True
    invocation = data.startswith(b"POST /endpoints/") and _BEGIN.match(data) is not None
    if not invocation and _TRACKING not in data[:_MOST_HEAD]:
        return False
    if end < 0:
        return False
    head = data[:end]
    if invocation:
        return any(signed in head for signed in _SIGNED)
    return _TRACKING in head and b"\r\n" + ARN_HEADER.encode() in head.lower()


def is_parsed_for_front(scope: Any) -> bool:
    """Returns True if a request with a parsed head belongs to a front."""
    if any(name == ARN_HEADER.encode() for name, _ in scope["headers"]):
        return True
    if scope["method"] != "POST" or not _PATH.fullmatch(scope["raw_path"].split(b"?")[0]):
        return False
    signed = next((value for name, value in scope["headers"] if name == b"authorization"), scope["query_string"])
    return any(one in signed for one in _SIGNED)

"""Ids of requests, in the form of a random UUID. They name a request in answers and logs, and open nothing."""

from __future__ import annotations

import random
import uuid


def new_request_id() -> str:
    """Of Python's own generator, which each process seeds for itself: the kernel's costs a call that other threads may delay."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))

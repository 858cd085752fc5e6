"""Request ids, in the format of a random UUID. They name a request in answers and logs, and grant no access."""

from __future__ import annotations

import random
import uuid


def new_request_id() -> str:
    """Returns a new id from Python's generator, which each process seeds for itself: the kernel's costs a call that other threads
    can delay."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))

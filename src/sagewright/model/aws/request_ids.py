"""Request ids, in the format of a random UUID. They name a request in answers and logs, and grant no access."""

from __future__ import annotations

import random


def new_request_id() -> str:
    """Returns a new id from Python's generator, which each process seeds for itself: the kernel's costs a call that other threads
    can delay."""
    digits = f"{random.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

"""The functions of the starting module that scripts use when they train on several hosts."""

from __future__ import annotations

import socket
import time

from sagemaker_training.environment import Environment

LIMIT_S = 15 * 60
"""The time that the toolkit waits."""


def _wait_hostname_resolution() -> None:
    """Waits until every host of the job has an address. Raises OSError for one that gets none. (Scripts call it by this name.)"""
    deadline = time.monotonic() + LIMIT_S
    for host in Environment().hosts:
        while True:
            try:
                socket.gethostbyname(host)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

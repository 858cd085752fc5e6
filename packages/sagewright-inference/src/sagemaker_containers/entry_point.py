"""What scripts that train on several hosts use of the module that started them."""

from __future__ import annotations

import socket
import time

from sagemaker_training.environment import Environment

LIMIT_S = 15 * 60
"""As long as the toolkit waits."""


def _wait_hostname_resolution() -> None:
    """Until every host of the job has an address. Raises OSError for one that gets none. (Scripts call it by this name.)"""
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

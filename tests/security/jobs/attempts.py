"""Run inside a sandbox: attempts to get out of it, or to touch what is the machine's. Prints a JSON object: name -> what happened.

An attempt that works harms nothing: a setting is given its present value, a file is opened and not written, loops are bounded.
Standard library alone; an attempt raises where it was refused, and returns what it got where it was not.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import tries_kernel
import tries_machine
import tries_others
from trying import ATTEMPTS, HELD, LIMIT_S, WORKED, Held

MODULES = (tries_machine, tries_kernel, tries_others)


def run(name: str) -> str:
    """In a process of its own, which may be killed for it."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            said = f"{WORKED}: {ATTEMPTS[name]()}"
        except (OSError, Held, ValueError) as error:
            said = f"{HELD}: {error}"
        except BaseException as error:
            said = f"broken: {type(error).__name__}: {error}"
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    signal.alarm(LIMIT_S)
    with os.fdopen(read, "rb") as file:
        said = file.read().decode()
    signal.alarm(0)
    _, ended = os.waitpid(child, 0)
    return said or f"{HELD}: killed by signal {os.WTERMSIG(ended)}"


if __name__ == "__main__":
    json.dump({name: run(name) for name in ATTEMPTS}, sys.stdout)

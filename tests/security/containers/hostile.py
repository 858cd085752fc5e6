"""`python -m tests.security.containers.hostile DIRECTORY`: a container for each attempt in answers.py, and one that behaves.

Each is a host's directory, DIRECTORY/NUMBER, which has both sockets that the readers of containers connect to.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

from tests.security.containers.answers import ATTEMPTS, FINE, Attempt

GOOD = "good"
SOCKETS = ("ml/serving/http.sock", "models.sock")
_held: list[socket.socket] = []


def bound(path: Path, backlog: int) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = socket.socket(socket.AF_UNIX)
    handle = os.open(path.parent, os.O_PATH)
    made.bind(f"/proc/self/fd/{handle}/{path.name}")
    made.listen(backlog)
    os.close(handle)
    return made


def fill(listener: socket.socket, path: Path) -> None:
    """Nobody accepts these connections, and there is no room for another."""
    _held.append(listener)
    while True:
        one = socket.socket(socket.AF_UNIX)
        one.setblocking(False)
        handle = os.open(path, os.O_PATH)
        try:
            one.connect(f"/proc/self/fd/{handle}")
        except BlockingIOError:
            return
        finally:
            os.close(handle)
        _held.append(one)


async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while head := await reader.readuntil(b"\n"):
        if head.startswith(b"{"):
            writer.write(b'{"name": "fine"}\n')
            continue
        rest = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in rest.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        await reader.readexactly(length)
        writer.write(FINE)


async def serve(place: Path, attempt: Attempt | None) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            if attempt is None:
                await behave(reader, writer)
            elif attempt.act is not None:
                if attempt.reads:
                    await reader.readuntil(b"\n")
                await attempt.act(reader, writer)
        with suppress(OSError):
            if attempt is not None and attempt.reads:
                writer.close()

    for name in SOCKETS:
        if attempt is not None and attempt.act is None:
            fill(bound(place / name, 0), place / name)
        else:
            await asyncio.start_unix_server(handle, sock=bound(place / name, 100), limit=1 << 16)


async def main(root: Path) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    await serve(root / GOOD, None)
    for number, attempt in enumerate(ATTEMPTS):
        await serve(root / str(number), attempt)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

"""`python -m sagewright.invoker DESCRIPTOR`: the process. It ends when its server does.

The socket carries JSON lines: first the settings (`objects`, `folder`, `disk_stop_mb`), then invocations. Each is answered by a
result.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from pathlib import Path

import orjson

from sagewright.invoker.carrying import Carrying
from sagewright.invoker.messages import AsyncInvocation, InvokerObjects
from sagewright.invoker.objects import ObjectClient
from sagewright.model import process_memory, titles

MOST_LINE = 64 << 20
log = logging.getLogger("sagewright.invoker")


async def serve(connection: socket.socket) -> None:
    reader, writer = await asyncio.open_connection(sock=connection, limit=MOST_LINE)
    settings = orjson.loads(await reader.readline())
    objects = await asyncio.to_thread(ObjectClient, InvokerObjects(**settings["objects"]))
    carrying = Carrying(objects, Path(settings["folder"]), settings["disk_stop_mb"])
    tasks: set[asyncio.Task[None]] = set()

    async def carry_out(invocation: AsyncInvocation) -> None:
        result = await carrying.carry_out(invocation)
        writer.write(orjson.dumps(result.document()) + b"\n")
        await writer.drain()

    while line := await reader.readline():
        task = asyncio.create_task(carry_out(AsyncInvocation.read(orjson.loads(line))))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    for task in tasks:
        task.cancel()
    carrying.close()


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    titles.show(titles.INVOKER)
    process_memory.hold(process_memory.default_mb(8, 1024), process_memory.give_up)
    asyncio.run(serve(socket.socket(fileno=int(sys.argv[1]))))


if __name__ == "__main__":
    main()

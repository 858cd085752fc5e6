"""Exchanges one line for another, within limits: used to request models from the agent of a multi-model container."""

from __future__ import annotations

import asyncio

from sagewright.upstream.client import Connect
from sagewright.upstream.errors import Broken, ContainerUnreachable, TooLong

MOST_LINE = 64 * 1024


async def ask_line(connect: Connect, line: bytes, timeout_s: float, most: int = MOST_LINE) -> bytes:
    """Returns the answer, without its end. Raises ContainerUnreachable, Broken, TooLong, TimeoutError."""
    async with asyncio.timeout(timeout_s):
        try:
            made = await connect()
        except OSError as error:
            raise ContainerUnreachable(str(error)) from error
        reader, writer = await asyncio.open_connection(sock=made, limit=most)
        try:
            writer.write(line + b"\n")
            return (await reader.readuntil(b"\n"))[:-1]
        except asyncio.LimitOverrunError:
            raise TooLong(f"the answer has more than {most} bytes") from None
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Broken(f"the connection was closed: {error}") from error
        finally:
            writer.transport.abort()

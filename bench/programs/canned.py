"""Answers every request on a port with the same bytes: python canned.py PORT FILE [CERTIFICATE KEY], by TLS with these."""

import asyncio
import re
import ssl
import sys
from pathlib import Path

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Canned(asyncio.Protocol):
    answer = b""

    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            found = LENGTH.search(self._data, 0, end)
            size = end + 4 + (int(found[1]) if found else 0)
            if len(self._data) < size:
                return
            self._data = self._data[size:]
            self._transport.write(self.answer)


async def main(port: int, file: Path, *certificate: str) -> None:
    Canned.answer = file.read_bytes()
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*certificate)
    server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", port, ssl=context)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))

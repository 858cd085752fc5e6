"""Answers every request with the same JSON, by uvicorn: python constant.py PORT FILE. SQLAlchemy opens an empty SQLite store first,
as a server of resources would; nothing is checked or looked up.
"""

import sys
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy import create_engine, text

HEADERS = [(b"content-type", b"application/x-amz-json-1.1")]


class Constant:
    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._headers = [*HEADERS, (b"content-length", str(len(answer)).encode())]

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._answer})


def main(port: int, file: Path) -> None:
    with create_engine("sqlite://").connect() as connection:
        connection.execute(text("select 1"))
    app = Constant(file.read_bytes())
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False, lifespan="off")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))

"""A partial answer of a killed server does not count as an answer."""

from __future__ import annotations

import socket
import threading

import pytest

from sagewright.agent.reports.server import ServerAway, ServerConnection


@pytest.mark.parametrize("sent", [0, 1, 99])
def test_a_download_that_is_cut_off_is_no_download(sent: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * sent)
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        connection = ServerConnection(f"http://127.0.0.1:{server.getsockname()[1]}", "h", "t")
        status, pieces = connection.download("parts/model/algo-2")
        assert status == 200
        with pytest.raises(ServerAway, match=f"ended {100 - sent} bytes early"):
            list(pieces)
        connection.close()

"""Claims of a program about its use cost a limited time."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

from sagewright.engine.apps.activity import observe_activity
from sagewright.model.jobs.serving_sockets import serving_folder


def test_a_program_with_countless_kernels_is_asked_in_little_time(tmp_path: Path) -> None:
    folder, name = serving_folder(tmp_path)
    folder.mkdir(parents=True)
    bodies = {
        "status": b'{"last_activity": "2026-01-02T03:04:05Z"}',
        "kernels": json.dumps(
            [{"last_activity": "2026-01-02T03:04:06Z"}] + [{}] * 300_000, separators=(",", ":")
        ).encode(),
    }

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                path = connection.recv(65536).split(b" ", 2)[1]
                body = bodies["kernels" if b"kernels" in path or b"terminals" in path else "status"]
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                connection.sendall(head.encode() + body)

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / name))
        listening.listen()
        serving = threading.Thread(target=serve, args=(listening,), daemon=True)
        serving.start()
        began_s = time.thread_time()
        found = observe_activity(tmp_path)
        spent_s = time.thread_time() - began_s
        listening.shutdown(socket.SHUT_RDWR)
        serving.join(5)
    assert found is not None
    assert found.last_ms == 1_767_323_046_000
    began_s = time.thread_time()
    json.loads(bodies["kernels"])
    assert spent_s < 30 * (
        time.thread_time() - began_s
    )  # 12 times; the processor may be slowed down by what runs beside it

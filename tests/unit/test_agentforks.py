"""Fork servers that are forks see what those of a server's own see."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import json, os, resource, socket, subprocess, sys
sys.path.insert(0, sys.argv[1])
import agentforks

def started(popen):
    ours, theirs = socket.socketpair()
    with theirs:
        process = popen(
            [sys.executable, "-m", agentforks.FORK_SERVER, str(theirs.fileno())],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True, cwd="/",
        )
    ours.sendall(b"{}\\n")
    assert json.loads(ours.recv(100)) == {"pid": 0}
    place = f"/proc/{process.pid}"
    status = dict(line.split(":\\t", 1) for line in open(f"{place}/status"))
    seen = {
        "title": open(f"{place}/cmdline").read().strip("\\0"),
        "cwd": os.readlink(f"{place}/cwd"),
        "session": os.getsid(process.pid) == process.pid,
        "descriptors": {number: os.readlink(f"{place}/fd/{number}") for number in (0, 1, 2)},
        "caught": status["SigCgt"], "ignored": status["SigIgn"], "umask": status["Umask"],
        "limits": open(f"{place}/limits").read(),
        "open": len(os.listdir(f"{place}/fd")),
    }
    assert process.poll() is None
    try:
        process.wait(timeout=0.01)
        raise AssertionError("it has not ended")
    except subprocess.TimeoutExpired:
        pass
    ours.close()
    process.wait(timeout=20)
    assert process.poll() is not None
    return seen

agentforks.Popen.name = agentforks.listen()
asked = {"places": [], "environ": dict(os.environ), "umask": 0, "limits": {}}
for message in (b"", json.dumps(asked).encode()):  # servers that are killed while they ask
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection, open(os.devnull) as file:
        connection.connect(agentforks.Popen.name)
        if message:
            socket.send_fds(connection, [message], [2, file.fileno()])
os.umask(0o27)
os.environ["SAGEWRIGHT_DATA"] = "/data"
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 300))
resource.setrlimit(resource.RLIMIT_DATA, (1 << 32, resource.RLIM_INFINITY))
print(json.dumps([started(subprocess.Popen), started(agentforks.Popen)]))
"""


def test_a_fork_is_like_a_program(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", PROGRAM, str(Path(__file__).parents[1])]
    with (tmp_path / "errors").open("w") as errors:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=errors, text=True, check=False, timeout=120)
    assert done.returncode == 0, (tmp_path / "errors").read_text()
    program, fork = json.loads(done.stdout)
    assert program["title"] == "sagewright: fork server [/data]"
    assert program == fork

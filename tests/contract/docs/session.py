"""The Python of a page: runs its blocks in one namespace, as they come over a Unix socket. Imports only the standard library.

`python session.py SOCKET FOLDER`; SOCKET: the name of an abstract one.
"""

import contextlib
import json
import os
import socket
import sys
import traceback


def main() -> None:
    place, folder = sys.argv[1:]
    os.chdir(folder)
    sys.path[0] = folder
    sys.argv = [""]
    names = {"__name__": "__main__"}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"\0{place}")
        for line in connection.makefile():
            asked = json.loads(line)
            failed = run(asked["code"], asked["name"], asked["output"], names)
            connection.sendall(json.dumps({"failed": failed}).encode() + b"\n")


def run(code, name, output, names):
    """Runs `code`; what it and its children print goes to the file `output`. Returns True if it raised."""
    kept = [os.dup(one) for one in (1, 2)]
    file = os.open(output, os.O_WRONLY | os.O_APPEND)
    for one in (1, 2):
        os.dup2(file, one)
    os.close(file)
    try:
        exec(compile(code, name, "exec"), names)
        return False
    except BaseException:
        traceback.print_exc()
        return True
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        for one, back in zip((1, 2), kept, strict=True):
            os.dup2(back, one)
            os.close(back)


if __name__ == "__main__":
    main()

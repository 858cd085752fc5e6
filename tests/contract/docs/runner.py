"""Runs the blocks of a page in order, as a reader would: one shell, one Python, one folder, one server."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from tests.contract.docs.pages import Block, DocsPage, commands, missing_line
from tests.warmclient import WarmClient

ROOT = Path(__file__).parents[3]
CLIENTS = ROOT / ".cache" / "clients"
SESSION = Path(__file__).with_name("session.py")
CHECKOUT = "checkout"
"""The folder of a page that runs in a clone of the repository: its examples, and the environment of its client."""

COMMAND_S = 480
"""Limit of one block: on a new machine the first job of a kind builds its environment."""
_SERVER = re.compile(r"(?P<variables>(?:[A-Z_]+=\S+ )*)sagewright up\b(?P<options>(?! --demo)[^#\n]*)")


class PageLies(AssertionError):
    """A block of a page does not do what the page says."""


class PageRun:
    """One run of a page, in `place`, against the server of `data`. `warm`: makes the page's client processes, of which its Python
    is a fork."""

    def __init__(self, page: DocsPage, place: Path, data: Path, warm: WarmClient | None) -> None:
        self._page, self._place, self._data, self._warm = page, place, data, warm
        self.folder = place / "work"
        if page.folder == CHECKOUT:
            self.folder.mkdir()
            shutil.copytree(ROOT / "examples", self.folder / "examples")
            (self.folder / ".cache" / "clients").mkdir(parents=True)
            (self.folder / ".cache" / "clients" / page.client).symlink_to(CLIENTS / page.client)
        elif page.folder:
            shutil.copytree(ROOT / page.folder, self.folder)
        else:
            self.folder.mkdir()
        self._python: PythonProcess | None = None
        self._shell = ShellProcess(place, self.folder, self._environ())
        self._printed = ""
        self.servers: list[subprocess.Popen[bytes]] = []

    def run(self) -> None:
        """Raises PageLies."""
        for block in self._page.blocks:
            if block.directive in ("not run", "part of"):
                self._printed = ""
            elif block.file:
                path = Path(self._shell.run("pwd")[1].strip()) / block.file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text)
            elif block.directive == "output":
                self._compare(block, tuple(block.text.splitlines()), self._printed)
            elif block.language == "console":
                self._run_commands(block)
            elif block.language == "python":
                self._run_python(block)

    def end(self) -> None:
        if self._python is not None:
            self._python.end()
        self._shell.end()
        for server in self.servers:
            server.terminate()
            server.wait(60)

    def _environ(self) -> dict[str, str]:
        bin_folder = self._place / "bin"
        bin_folder.mkdir()
        (bin_folder / "sagewright").symlink_to(Path(sys.executable).parent / "sagewright")
        (bin_folder / "uv").symlink_to(Path(sys.executable).parent / "uv")
        home = self._place / "home"
        (home / ".local" / "share").mkdir(parents=True)
        (home / ".local" / "share" / "sagewright").symlink_to(self._data)
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAGEWRIGHT_", "VIRTUAL"))
        }
        folders = (bin_folder, CLIENTS / self._page.client / "bin", CLIENTS / "aws-cli" / "bin", os.environ["PATH"])
        return {
            **kept,
            "PATH": ":".join(map(str, folders)),
            "HOME": str(home),
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")),
            "COLUMNS": "160",
        }

    def _run_commands(self, block: Block) -> None:
        self._printed = ""
        found = commands(block.text)
        for number, command in enumerate(found):
            server = _SERVER.fullmatch(command.text.partition(" #")[0].strip())
            if server is not None:
                status, printed = 0, self._up(server["variables"], server["options"])
            else:
                status, printed = self._shell.run(command.text)
            expected = int(block.value) if block.directive == "exit" and number == len(found) - 1 else 0
            if status != expected:
                raise PageLies(f"{self._where(block)}: `{command.text}` ended with {status}:\n{printed[-4000:]}")
            self._compare(block, command.output, printed)
            self._printed += printed

    def _up(self, variables: str, options: str) -> str:
        """Stands for a server in a separate terminal: the one that runs, or with settings of its own a further one."""
        if not variables and not options.strip():
            return (self._data / "server.log").read_text()
        data = self._place / f"data-{len(self.servers)}"
        data.mkdir()
        shared = {"SAGEWRIGHT_DATA": str(data), "SAGEWRIGHT_ENVIRONMENTS": str(ROOT / ".cache" / "environments")}
        environ = {**self._shell.environ, **shared}
        log = data / "server.log"
        with log.open("wb") as output:
            argv = ["bash", "-c", f"{variables} exec sagewright up {options} --port 0"]
            self.servers.append(
                subprocess.Popen(
                    argv, env=environ, cwd=self.folder, stdout=output, stderr=output, start_new_session=True
                )
            )
        deadline = time.monotonic() + 60
        while not (data / "endpoint").exists():
            if self.servers[-1].poll() is not None or time.monotonic() > deadline:
                raise PageLies(f"{self._page.name}: `sagewright up {options}` did not start:\n{log.read_text()}")
            time.sleep(0.05)
        self._data, self._warm = data, None
        self._shell.run(f"export SAGEWRIGHT_DATA={data}")
        if self._python is not None:
            self._python.end()
            self._python = None
        return log.read_text()

    def _run_python(self, block: Block) -> None:
        if self._python is None:
            self._python = PythonProcess(self._place, self.folder)
            environ = {**self._shell.environ, "SAGEWRIGHT_DATA": str(self._data)}
            self._python.start(self._warm, CLIENTS / self._page.client / "bin" / "python", environ)
        failed, self._printed = self._python.run(block.text, f"{self._page.name}:{block.line}")
        if failed:
            raise PageLies(f"{self._where(block)} failed:\n{self._printed[-4000:]}")

    def _compare(self, block: Block, shown: tuple[str, ...], printed: str) -> None:
        if (line := missing_line(shown, printed)) is not None:
            raise PageLies(
                f"{self._where(block)} shows this line, which was not printed:\n{line}\n\nPrinted:\n{printed[-4000:]}"
            )

    def _where(self, block: Block) -> str:
        return f"{self._page.name}:{block.line}"


class ShellProcess:
    """One bash for all console blocks of a page, so that `cd` and `export` last."""

    def __init__(self, place: Path, folder: Path, environ: dict[str, str]) -> None:
        self.environ = environ
        self._place, self._number = place, 0
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environ,
            start_new_session=True,
        )

    def run(self, command: str) -> tuple[int, str]:
        """Returns the exit status, and what was printed on both streams. Raises PageLies after COMMAND_S."""
        self._number += 1
        script, output, status = (self._place / f"command-{self._number}.{end}" for end in ("sh", "out", "status"))
        script.write_text(f"{command}\n")
        assert self._process.stdin is not None
        line = f"source {script} >{output} 2>&1 </dev/null; echo $? >{status}.new; mv {status}.new {status}\n"
        self._process.stdin.write(line.encode())
        self._process.stdin.flush()
        deadline = time.monotonic() + COMMAND_S
        while not status.exists():
            if self._process.poll() is not None:
                raise PageLies(f"`{command}` ended the shell")
            if time.monotonic() > deadline:
                raise PageLies(
                    f"`{command}` ran for more than {COMMAND_S} s:\n{output.read_text(errors='replace')[-4000:]}"
                )
            time.sleep(0.02)
        return int(status.read_text()), output.read_text(errors="replace")

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class PythonProcess:
    """One Python for all Python blocks of a page, run by `sagewright exec`."""

    def __init__(self, place: Path, folder: Path) -> None:
        self._place, self._folder, self._number = place, folder, 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._address = f"sagewright-docs-{uuid.uuid4().hex}"  # without a file, whose path may be too long for a socket
        self._listener.bind(f"\0{self._address}")
        self._listener.listen(1)
        self._listener.settimeout(120)
        self._connection: Any = None
        self._thread: threading.Thread | None = None

    def start(self, warm: WarmClient | None, python: Path, environ: dict[str, str]) -> None:
        """Starts the process: a fork of `warm`, or without it a Python of its own."""
        arguments = [self._address, str(self._folder)]
        argv = [
            str(self._place / "bin" / "sagewright"),
            "exec",
            "--",
            str(python),
            "-W",
            "ignore",
            str(SESSION),
            *arguments,
        ]

        def live() -> None:
            if warm is None:
                subprocess.run(argv, env=environ, cwd=self._folder, check=False)
            else:
                warm.run(SESSION, *arguments)

        self._thread = threading.Thread(target=live, daemon=True)
        self._thread.start()
        self._connection, _ = self._listener.accept()
        self._connection.settimeout(COMMAND_S)
        self._answers = self._connection.makefile()

    def run(self, code: str, name: str) -> tuple[bool, str]:
        """Returns True if the code raised, and what it printed."""
        self._number += 1
        output = self._place / f"python-{self._number}.out"
        output.touch()
        self._connection.sendall(json.dumps({"code": code, "name": name, "output": str(output)}).encode() + b"\n")
        try:
            answer = self._answers.readline()
        except TimeoutError:
            raise PageLies(f"{name} ran for more than {COMMAND_S} s:\n{output.read_text()[-4000:]}") from None
        printed = output.read_text(errors="replace")
        return not answer or json.loads(answer)["failed"], printed

    def end(self) -> None:
        if self._connection is not None:
            self._connection.shutdown(socket.SHUT_RDWR)
            self._connection.close()
        self._listener.close()
        if self._thread is not None:
            self._thread.join(30)

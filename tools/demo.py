"""`make demo`: starts a server on a directory of its own and runs the examples against it, as a user does."""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.rule import Rule

ROOT = Path(__file__).parent.parent
SAGEWRIGHT = Path(sys.executable).parent / "sagewright"
EXAMPLES = ROOT / "examples"
CLIENT = ROOT / ".cache" / "clients" / "sdk-v2" / "bin" / "python"
EXAMPLE_PROGRAMS = ("pytorch_script_mode.py", "xgboost_builtin.py", "deploy_and_compare.py")
START_S = 30
console = Console(highlight=False)


@contextlib.contextmanager
def server(data: Path) -> Iterator[str]:
    """A server on `data` and a free port, ended at the end of the block; its URL."""
    data.mkdir(parents=True, exist_ok=True)
    (data / "endpoint").unlink(missing_ok=True)
    with (data / "server.log").open("ab") as log:
        command = [str(SAGEWRIGHT), "up", "--data", str(data), "--port", "0"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + START_S
    while not (data / "endpoint").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"The server did not start; see {data / 'server.log'}")
        time.sleep(0.02)
    try:
        yield (data / "endpoint").read_text().strip()
    finally:
        process.terminate()
        process.wait(timeout=30)


def example(data: Path, name: str) -> float:
    """Run one example through the door; its output goes straight to the terminal. Seconds it took."""
    console.print(Rule(f"examples/{name}"))
    start = time.monotonic()
    command = [str(SAGEWRIGHT), "exec", "--data", str(data), "--", str(CLIENT), "-W", "ignore", name]
    environ = {**os.environ, "SAGEMAKER_SUPPRESS_V2_WARNING": "1"}
    done = subprocess.run(command, cwd=EXAMPLES, check=False, env=environ)
    if done.returncode:
        sys.exit(f"examples/{name} failed with exit code {done.returncode}; the server's log is {data / 'server.log'}")
    return time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT / ".cache" / "demo-data")
    data = parser.parse_args().data.absolute()
    with server(data) as url:
        console.print(f"Sagewright answers at [bold]{url}[/bold]")
        seconds = {name: example(data, name) for name in EXAMPLE_PROGRAMS}
        console.print(Rule("sagewright jobs list"))
        subprocess.run([str(SAGEWRIGHT), "jobs", "list", "--data", str(data), "--limit", "2"], check=True)
        console.print(Rule())
        for name, taken in seconds.items():
            console.print(f"{name}: {taken:.1f} s, SDK import and data included")
        console.print(f"The server was at {url}; start it again with: sagewright up --data {data}", soft_wrap=True)


if __name__ == "__main__":
    main()

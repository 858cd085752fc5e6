"""`sagewright endpoints`, as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.hosting import ECHO, Hosting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunningServer

SAGEWRIGHT = Path(sys.executable).parent / "sagewright"


@pytest.fixture(scope="module")
def hosting(server: RunningServer) -> Iterator[Hosting]:
    with Hosting(server) as made:
        yield made


def command(hosting: Hosting, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [str(SAGEWRIGHT), "endpoints", *words, "--data", str(hosting.server.data)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)


def test_list_show_invoke_logs_compare_and_delete(hosting: Hosting) -> None:
    hosting.model("cli-a", ECHO.replace('return "WORD"', 'import time; time.sleep(3)\n        return "WORD"'))
    hosting.model("cli-b", ECHO.replace("return f", "assert data != 'bad'\n        return f"))
    hosting.config("cli-config", hosting.variant("a", "cli-a"), hosting.variant("b", "cli-b"))
    hosting.sagemaker.create_endpoint(EndpointName="cli", EndpointConfigName="cli-config")
    waited = command(hosting, "show", "cli", "--wait")
    assert waited.returncode == 0, waited.stderr
    assert "Launching 1 instance(s)" in waited.stdout
    assert "InService" in waited.stdout
    assert "cli" in command(hosting, "list").stdout
    asked = command(hosting, "invoke", "cli", "hello", "--content-type", "text/plain", "--variant", "b")
    assert asked.stdout == "cli-b hello"
    for _ in range(6):
        hosting.ask("cli")
    refused = command(hosting, "invoke", "cli", "bad", "--content-type", "text/plain", "--variant", "b")
    assert refused.returncode == 1
    assert "Received server error (500)" in refused.stderr
    assert "a/i-" in command(hosting, "logs", "cli").stdout
    until = time.monotonic() + 20
    while time.monotonic() < until:
        compared = command(hosting, "compare", "cli").stdout
        rows = {line.split()[0]: line for line in compared.splitlines()[1:]}
        if rows["b"].split()[1] == "5":
            break
        time.sleep(0.5)
    assert rows["a"].split()[1] == "3"
    assert "20.00 % (" in rows["b"], compared
    documents = json.loads(command(hosting, "compare", "cli", "--json").stdout)
    assert "20.00 % (" in {one["variant"]: one for one in documents}["b"]["errors"]
    assert json.loads(command(hosting, "show", "cli", "--json").stdout)["EndpointStatus"] == "InService"
    gone = command(hosting, "delete", "cli")
    assert gone.stdout == "cli is being deleted\n"
    assert command(hosting, "show", "nobody").returncode == 1

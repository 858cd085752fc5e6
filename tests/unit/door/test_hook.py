"""The import hook: STS goes to the server, sleeps are short, nothing else is touched."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from sagewright.door.environment import HOOK


def run(program: str, *paths: Path, **environ: str) -> str:
    search = os.pathsep.join(map(str, [HOOK, *paths]))
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": search, **environ}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment, timeout=60
    )
    return done.stdout


SEND = """
import botocore.session
session = botocore.session.get_session()
session.set_credentials("AKIA", "secret")
def show(request, **_):
    print(request.url.split("?")[0])
    raise SystemExit
for service, url in (("{service}", "{url}"),):
    client = session.create_client(service, "us-east-1", endpoint_url=url or None)
    client.meta.events.register("before-send", show)
    client.{call}()
"""


def test_hard_coded_sts_hosts_are_redirected() -> None:
    for host in ("sts.us-east-1.amazonaws.com", "sts.amazonaws.com", "sts-fips.us-east-1.amazonaws.com"):
        program = SEND.format(service="sts", url=f"https://{host}", call="get_caller_identity")
        assert run(program, AWS_ENDPOINT_URL="http://127.0.0.1:4700") == "http://127.0.0.1:4700/\n"


def test_other_addresses_are_left_alone() -> None:
    program = SEND.format(service="sts", url="http://localhost:9", call="get_caller_identity")
    assert run(program, AWS_ENDPOINT_URL="http://127.0.0.1:4700") == "http://localhost:9/\n"
    program = SEND.format(service="sts", url="https://sts.us-east-1.amazonaws.com", call="get_caller_identity")
    assert run(program) == "https://sts.us-east-1.amazonaws.com/\n"


POLLER = "import time\ndef wait():\n    for _ in range(5):\n        time.sleep(10)\n    return time.time()\n"


def fake_sdk(directory: Path) -> Path:
    package = directory / "sagemaker"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "session.py").write_text(POLLER)
    return directory


def test_polling_sleeps_are_short_and_counted_as_time_gone_by(tmp_path: Path) -> None:
    program = (
        "import time, sagemaker.session as s; t = time.time(); print(round(s.wait() - t)); print(time.sleep.__module__)"
    )
    start = time.monotonic()
    out = run(program, fake_sdk(tmp_path)).split()
    assert time.monotonic() - start < 10
    assert out == ["150", "time"]


LOGS = """
import time
class LogState: TAILING, JOB_COMPLETE, COMPLETE = 3, 4, 5
def wait():
    state, described, last = LogState.TAILING, 0, time.time()
    while state != LogState.COMPLETE:
        time.sleep(10)
        if state == LogState.JOB_COMPLETE:
            state = LogState.COMPLETE
        elif time.time() - last >= 30:
            last = time.time()
            described += 1
            state = LogState.JOB_COMPLETE if described == 3 else state
        turns.append(described)
turns = []
"""


def test_a_job_is_described_in_each_turn_and_nothing_is_waited_for_after_its_end(tmp_path: Path) -> None:
    sdk = fake_sdk(tmp_path)
    (sdk / "sagemaker" / "session.py").write_text(LOGS)
    program = (
        "import time, sagemaker.session as s; real, slept = time.sleep, []\n"
        "time.sleep = lambda seconds: (slept.append(seconds), real(seconds))\n"
        "s.wait(); print(s.turns, slept[0] > 0, slept[-1])"
    )
    assert run(program, sdk) == "[1, 2, 3, 3] True 0.0\n"


def test_what_was_imported_is_not_collected_while_a_program_polls(tmp_path: Path) -> None:
    program = (
        "import gc, sagemaker.session as s; print(gc.get_freeze_count()); s.wait(); print(gc.get_freeze_count() > 0)"
    )
    assert run(program, fake_sdk(tmp_path)) == "0\nTrue\n"


def test_the_switch_leaves_sleeps_alone(tmp_path: Path) -> None:
    program = "import time, sagemaker.session as s; print(s.time is time)"
    sdk = fake_sdk(tmp_path)
    assert run(program, sdk, SAGEWRIGHT_FAST_WAITS="0") == "True\n"
    assert run(program, sdk) == "False\n"


def test_a_sitecustomize_that_it_hides_is_run_too(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('mine')\n")
    assert run("print('program')", tmp_path) == "mine\nprogram\n"


def test_telemetry_is_not_sent(tmp_path: Path) -> None:
    package = tmp_path / "sagemaker" / "telemetry"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").write_text("")
    (package / "telemetry_logging.py").write_text("def _send_telemetry_request(*a):\n    print('sent')\n")
    assert run("from sagemaker.telemetry import telemetry_logging as t; t._send_telemetry_request(1)", tmp_path) == ""


TIMED = """
import time
def wait(found_after, timeout):
    start, looks = time.time(), 0
    while True:
        looks += 1
        if looks >= found_after:
            return "found"
        if time.time() - start >= timeout:
            return "timeout"
        time.sleep(1)
"""


def test_a_timeout_is_found_out_when_the_loop_would_have_looked_by_itself(tmp_path: Path) -> None:
    package = tmp_path / "sagemaker" / "core"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").write_text("")
    (package / "resources.py").write_text(TIMED)
    program = (
        "import time, sagemaker.core.resources as r; t = time.monotonic(); print(r.wait(5, 0.1), time.monotonic() - t < 1)\n"
        "t = time.monotonic(); print(r.wait(10**6, 0.1), time.monotonic() - t >= 1)"
    )
    assert run(program, tmp_path) == "found True\ntimeout True\n"


def test_a_botocore_that_does_not_know_the_variable_gets_the_endpoint(tmp_path: Path) -> None:
    """Before 1.31 it has no ConfiguredEndpointProvider, and asked AWS."""
    for name, provider in (("old", ""), ("new", "class ConfiguredEndpointProvider: pass")):
        package = tmp_path / name / "botocore"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "configprovider.py").write_text(provider)
        (package / "session.py").write_text(
            "import botocore.configprovider\nclass Session:\n"
            "    def create_client(self, service_name, region_name=None, api_version=None, use_ssl=True, verify=None,\n"
            "                      endpoint_url=None, **others):\n        return endpoint_url\n"
        )
    program = (
        "from botocore.session import Session\nask = Session().create_client\n"
        "print(ask('s3'), ask('sagemaker-runtime', 'us-east-1'), ask('s3', endpoint_url='http://x'))\n"
    )
    known = {"AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": "http://front"}
    assert run(program, tmp_path / "old", **known) == "http://all http://front http://x\n"
    assert run(program, tmp_path / "new", **known) == "None None http://x\n"
    assert run(program, tmp_path / "old") == "None None http://x\n"


def test_remote_functions_have_an_image_of_the_programs_python(tmp_path: Path) -> None:
    (fake_sdk(tmp_path) / "sagemaker" / "remote_function").mkdir()
    for module in ("__init__", "job"):
        (tmp_path / "sagemaker" / "remote_function" / f"{module}.py").write_text("")
    program = "import sagemaker.remote_function.job, os; print(os.environ['SAGEMAKER_INTERNAL_IMAGE_URI'])"
    version = "{}{}".format(*sys.version_info[:2])
    assert run(program, tmp_path).rstrip().endswith(f"/sagemaker-base-python:py{version}")
    assert run(program, tmp_path, SAGEMAKER_INTERNAL_IMAGE_URI="mine:1") == "mine:1\n"

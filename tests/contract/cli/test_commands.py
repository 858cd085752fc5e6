"""The command as users run it: formats, names, exit statuses, waiting, logs, and how much it imports."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from sagewright.cli.server.opening import SECTIONS

if TYPE_CHECKING:
    from conftest import RunningServer

SAGEWRIGHT = str(Path(sys.executable).parent / "sagewright")
Command = Callable[..., subprocess.CompletedProcess[str]]


def run(*words: str, timeout_s: float = 60, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SAGEWRIGHT, *words], capture_output=True, text=True, check=False, timeout=timeout_s, **options
    )


@pytest.fixture(scope="module")
def command(server: RunningServer) -> Command:
    return lambda *words, **options: run(*words, "--data", str(server.data), **options)


@pytest.fixture(scope="module")
def jobs(server: RunningServer) -> None:
    """Two jobs that complete and one that fails; their names begin alike."""
    server.run_shell("cli-churn-01", "echo first; echo second; echo third", HyperParameters={"depth": "3"})
    server.run_shell("cli-churn-02", "echo other")
    server.run_shell("cli-broken", "exit 3")
    for name in ("cli-churn-01", "cli-churn-02", "cli-broken"):
        server.wait(name)


@pytest.mark.parametrize(
    "words", [["--help"], ["-h"], ["--version"], ["jobs", "--help"], ["jobs", "list", "-h"]], ids=str
)
def test_help_and_version_import_nothing_heavy(words: list[str]) -> None:
    program = (
        "import sys\nfrom sagewright.cli.main import main\n"
        f"sys.argv = ['sagewright', *{words!r}]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'boto3', 'botocore', 'rich', 'pydantic', 'sqlalchemy', 'numpy', 'http.client', 'psutil'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "HEAVY []" in done.stdout, done.stdout
    assert "sagewright" in done.stdout


def test_queries_import_no_sdk(server: RunningServer, jobs: None) -> None:
    program = (
        "import sys\nfrom sagewright.cli.main import main\n"
        "for words in (['jobs', 'list'], ['jobs', 'show', 'cli-broken'], ['endpoints', 'list'], ['pipelines', 'list'],\n"
        "              ['models', 'list'], ['experiments', 'list'], ['tuning', 'list'], ['jobs', 'logs', 'cli-broken']):\n"
        f"    sys.argv = ['sagewright', *words, '--data', {str(server.data)!r}]\n"
        "    try: main()\n"
        "    except SystemExit as ended: assert not ended.code, words\n"
        "heavy = {'boto3', 'botocore', 'rich', 'pydantic', 'sqlalchemy', 'numpy', 'http.client', 'psutil'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "HEAVY []" in done.stdout, done.stdout


def test_unknown_commands_suggest_near_ones() -> None:
    done = run("job")
    assert done.returncode == 2 and "There is no command 'job'. Did you mean jobs?" in done.stderr
    assert run("endpoint").stderr.rstrip().endswith("Did you mean endpoints?")
    assert run("logs").stderr.rstrip().endswith("Did you mean jobs logs?")
    done = run("jobs", "shw")
    assert done.returncode == 2 and "Did you mean 'show'" in done.stderr
    assert run("jobs", "list", "--nonsense").returncode == 2


def test_what_does_not_exist_is_named(command: Command, jobs: None) -> None:
    """Each with what helps; none with an ARN that nobody wrote, or in the words of another program."""
    for words, said in (
        (("why", "cli-brok"), "There is no resource named cli-brok in us-east-1. Did you mean cli-broken?"),
        (("pipelines", "logs", "nope"), "There is no pipeline or execution nope."),
        (("ls", "s3://no-such-bucket-here"), "There is no bucket no-such-bucket-here. sagewright exec -- aws s3 mb"),
        (("cp", __file__, "s3://no-such-bucket-here/x"), "There is no bucket no-such-bucket-here. sagewright exec --"),
        (("sync", str(Path(__file__).parent), "s3://no-such-bucket-here/x"), "There is no bucket no-such-bucket-here."),
    ):
        done = command(*words)
        assert done.returncode == 1
        assert said in done.stderr
    assert "There is no command 'lst'. Did you mean list?" in command("env", "lst").stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    assert "_SAGEWRIGHT_COMPLETE" in run("completion", shell).stdout
    environ = {"PATH": "/usr/bin:/bin", "_SAGEWRIGHT_COMPLETE": "complete_bash", "COMP_WORDS": "sagewright jobs l"}
    assert run(env=environ | {"COMP_CWORD": "2"}).stdout.split() == ["list", "logs"]


def test_formats_of_lists(command: Command, jobs: None) -> None:
    listed = ("jobs", "list", "--contains", "cli-churn")
    assert command(*listed, "-o", "name").stdout.split() == ["cli-churn-02", "cli-churn-01"]
    found = json.loads(command(*listed, "--json").stdout)
    assert [one["TrainingJobStatus"] for one in found] == ["Completed", "Completed"]
    assert found[0]["CreationTime"].endswith("+00:00")
    assert "arn:aws:sagemaker" in command(*listed, "-o", "wide").stdout
    assert command(*listed, "--limit", "1", "-o", "name").stdout.split() == ["cli-churn-02"]


def test_seconds_of_a_list_exclude_the_queue(server: RunningServer, command: Command, jobs: None) -> None:
    job = server.boto("sagemaker").describe_training_job(TrainingJobName="cli-churn-01")
    seconds = (job["TrainingEndTime"] - job["TrainingStartTime"]).total_seconds()
    row = command("jobs", "list", "--contains", "cli-churn-01").stdout.splitlines()[1]
    assert float(row.split()[-1]) == pytest.approx(seconds, abs=0.2)


def test_names_by_prefix_and_nearest_names(command: Command, jobs: None) -> None:
    assert command("jobs", "show", "cli-brok").stdout.startswith("cli-broken")
    several = command("jobs", "show", "cli-churn-0")
    assert several.returncode == 1
    assert "2 training jobs begin with cli-churn-0: cli-churn-02, cli-churn-01" in several.stderr
    unknown = command("jobs", "show", "cli-churn-1")
    assert unknown.returncode == 1
    assert "There is no training job cli-churn-1. Did you mean cli-churn-0" in unknown.stderr
    assert command("jobs", "show").returncode == 2
    assert command("jobs", "show", "cli-broken", "--last").returncode == 2
    newest = command("jobs", "list", "--limit", "1", "-o", "name").stdout.strip()
    assert command("jobs", "show", "--last").stdout.startswith(newest)


@pytest.mark.parametrize("name", ["a\x1bb", "../x", "x" * 300, "é", "a/b?c=d#e", "-x"], ids=repr)
def test_names_that_no_job_can_have(command: Command, name: str) -> None:
    done = command("jobs", "show", "--", name) if not name.startswith("-") else command("jobs", "show", name)
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr and done.stdout == ""


def test_show_has_what_was_asked_and_made(command: Command, jobs: None) -> None:
    shown = command("jobs", "show", "cli-churn-01").stdout
    assert "hyperparameter depth" in shown and "s3://outputs/out" in shown and "Completed: " in shown
    assert json.loads(command("jobs", "show", "cli-churn-01", "--json").stdout)["HyperParameters"] == {"depth": "3"}


def test_wait_exits_as_the_jobs_ended(server: RunningServer, command: Command, jobs: None) -> None:
    assert command("jobs", "wait", "cli-churn-01", "cli-churn-02").returncode == 0
    failed = command("jobs", "wait", "cli-churn-01", "cli-broken")
    assert failed.returncode == 1 and "exit code: 3" in failed.stdout
    server.run_shell("cli-slow", "sleep 60")
    late = command("jobs", "wait", "cli-slow", "--timeout", "0.1")
    assert late.returncode == 1 and "cli-slow is still InProgress after 0.1 s" in late.stderr
    assert "is being stopped" in command("jobs", "stop", "cli-slow").stdout
    assert command("jobs", "wait", "cli-slow").returncode == 1


def test_logs_by_tail_age_and_time(command: Command, jobs: None) -> None:
    last = command("jobs", "logs", "cli-churn-01", "--tail", "2").stdout.splitlines()
    assert last == ["algo-1 | second", "algo-1 | third"]
    stamped = command("jobs", "logs", "cli-churn-01", "-n", "1", "-t").stdout
    assert stamped.startswith(time.strftime("%Y-", time.gmtime())) and "+00:00 algo-1 | third" in stamped
    assert "third" in command("jobs", "logs", "cli-churn-01", "--since", "1h").stdout
    assert command("jobs", "logs", "cli-churn-01", "--since", "2999-01-01").stdout == ""
    wrong = command("jobs", "logs", "cli-churn-01", "--since", "yesterday")
    assert wrong.returncode == 2 and "--since yesterday is neither an age" in wrong.stderr


def test_a_closed_pipe_ends_the_command_quietly(server: RunningServer, jobs: None) -> None:
    shell = f"{SAGEWRIGHT} jobs logs cli-churn-01 --data {server.data} | true"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in done.stderr


def test_bare_requests_are_refused(server: RunningServer) -> None:
    import urllib.error
    import urllib.request

    for path in ("overview", "jobs/TrainingJob/starts?names=a"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{server.endpoint}/_sagewright/{path}")
        refused.value.close()
        assert refused.value.code in {400, 401, 403}


def test_status_and_top_say_what_runs_and_what_waits(server: RunningServer, command: Command) -> None:
    found = json.loads(command("status", "--json").stdout)
    assert found["endpoint"] == server.endpoint and found["pid"] > 0 and found["disk"]["free_bytes"] > 0
    most = int(found["machine"]["cpus"]) // 2 + 1
    names = [f"cli-top-{number}" for number in range(most + 1)]
    for name in names:
        server.run_shell(name, "sleep 100")
    deadline = time.monotonic() + 60
    while True:
        top = json.loads(command("top", "--json").stdout)
        waiting = [one for one in top["queued_jobs"] if one["name"] in names]
        running = [one for one in top["running_jobs"] if one["name"] in names]
        if waiting and running:
            break
        assert time.monotonic() < deadline, top
    assert re.search("are held by .*cli-top-", waiting[0]["waits_for"])  # beside those of other tests
    table = command("top").stdout
    assert waiting[0]["name"] in table and re.search("are held by .*cli-top-", table)
    assert server.endpoint in command("status").stdout
    command("jobs", "stop", *names)
    command("jobs", "wait", *names)


def test_a_server_in_the_background(tmp_path: Path) -> None:
    data = tmp_path / "a b"
    done = run("up", "-dv", "--data", str(data), "--port", "0", timeout_s=150)  # the child must not detach again
    assert done.returncode == 0, done.stderr
    try:
        assert run("status", "--data", str(data)).stdout.startswith((data / "endpoint").read_text().strip())
        again = run("up", "--detach", "--data", str(data), "--port", "0")
        assert again.returncode == 1 and "A server already runs on" in again.stderr
    finally:
        ended = run("down", "--data", str(data))
    assert ended.returncode == 0 and "The server has ended." in ended.stdout, ended.stderr
    assert run("down", "--data", str(data)).returncode == 2


def test_a_background_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SAGEWRIGHT_DATABASE": "postgresql://127.0.0.1:1/none"}
    done = run("up", "-d", "--data", str(tmp_path / "d"), "--port", "0", env=environ, timeout_s=150)
    assert done.returncode == 1 and "The server ended with" in done.stderr


def test_the_unit_of_a_service(tmp_path: Path) -> None:
    done = run("service", "install", "--print", "--data", str(tmp_path / 'a "b" 100%'), "--port", "4711")
    assert done.returncode == 0, done.stderr
    assert '"--data" "' in done.stdout and 'a \\"b\\" 100%%" "--port" "4711"' in done.stdout
    assert "KillMode=process" in done.stdout and "User=" not in done.stdout
    assert "User=nobody" in run("service", "install", "--print", "--system", "--user", "nobody").stdout
    assert run("service", "install", "--print", "--user", "nobody").returncode == 2
    environ = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    missing = run("service", "install", env=environ)
    assert missing.returncode == 1 and "systemctl is missing" in missing.stderr
    assert not (tmp_path / ".config").exists()


def test_doctor_fits_80_columns_and_runs_a_program(tmp_path: Path) -> None:
    done = run("doctor", "--data", str(tmp_path))
    assert done.returncode == 0, done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "a program ran in" in " ".join(done.stdout.split())
    assert list(tmp_path.iterdir()) == []
    found = json.loads(run("doctor", "--json", "--data", str(tmp_path)).stdout)
    assert {"what", "good", "detail"} == set(found[0]) and found[-1]["what"] == "trial run" and found[-1]["good"]


def test_doctor_exits_with_1_where_no_job_can_run(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path), "HOME": str(tmp_path), "TMPDIR": "/nonexistent", "SAGEWRIGHT_SANDBOX": "bwrap"}
    program = (
        "import sys\nfrom sagewright.sandbox import base, bwrap\n"
        "def unavailable(*_given): raise base.Unavailable('no user namespaces')\n"
        "bwrap.BwrapSandbox.__init__ = unavailable\n"
        "from sagewright.cli.main import main\n"
        f"sys.argv = ['sagewright', 'doctor', '--data', {str(tmp_path)!r}]\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "no sandbox: no user namespaces" in " ".join(done.stdout.split())


@pytest.mark.parametrize("section", SECTIONS)
def test_open_leads_to_each_section(server: RunningServer, command: Command, section: str) -> None:
    assert landing(command("open", section, "--show").stdout) == (
        200,
        "/studio" if section == "home" else f"/studio/{section}",
    )


def test_open_leads_to_what_is_named(server: RunningServer, command: Command, jobs: None) -> None:
    assert landing(command("open", "cli-broken", "--show").stdout) == (200, "/studio/jobs/cli-broken")
    assert landing(command("open", "/studio/jobs?q=cli", "--show").stdout) == (200, "/studio/jobs?q=cli")
    assert landing(command("open", "nothing-is-so", "--show").stdout) == (200, "/studio/search?q=nothing-is-so")
    refused = command("open", "cli-broken", "--kind", "endpoint", "--show")
    assert (refused.returncode, refused.stderr.strip()) == (1, "sagewright: There is no endpoint named cli-broken.")
    of_kind = command("open", "cli-broken", "--kind", "nonsense", "--show")
    assert of_kind.returncode == 1
    assert "Kinds: any, training-job" in of_kind.stderr


def landing(url: str) -> tuple[int, str]:
    """Returns the status and the address, without its server, of the page to which a URL leads."""
    with build_opener(HTTPCookieProcessor()).open(url.strip(), timeout=60) as answer:
        parts = urlsplit(answer.url)
        return answer.status, parts.path + (f"?{parts.query}" if parts.query else "")

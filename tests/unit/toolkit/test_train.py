"""The toolkit as a process, on an /opt/ml of the test's own."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[3] / "src"


class Job:
    """An /opt/ml with code and hyperparameters (JSON-encoded, as SDK v2 sends them)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("input/config", "input/data", "code", "model", "output/data"):
            (root / name).mkdir(parents=True)
        self.given: dict[str, Any] = {"sagemaker_program": "train.py"}
        self.resources: dict[str, Any] = {
            "current_host": "algo-1", "hosts": ["algo-1"], "current_instance_type": "ml.m5.large",
            "current_group_name": "homogeneousCluster", "network_interface_name": "lo",
            "instance_groups": [
                {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.large", "hosts": ["algo-1"]}
            ],
        }  # fmt: skip
        self.channels: dict[str, Any] = {}

    def code(self, text: str, name: str = "train.py") -> None:
        file = self.root / "code" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def start(self, **environ: str) -> subprocess.Popen[str]:
        config = self.root / "input" / "config"
        given = {key: json.dumps(value) for key, value in self.given.items()}
        for name, content in (
            ("hyperparameters", given),
            ("resourceconfig", self.resources),
            ("inputdataconfig", self.channels),
        ):
            (config / f"{name}.json").write_text(json.dumps(content))
        own = {"SAGEWRIGHT_ML_ROOT": str(self.root), "PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"], **environ}
        command = [sys.executable, "-m", "sagewright.toolkit", "train"]
        return subprocess.Popen(
            command, env={"PYTHONUNBUFFERED": "1", **own}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def run(self, **environ: str) -> tuple[int, str]:
        process = self.start(**environ)
        out, _none = process.communicate(timeout=60)
        return process.returncode, out

    @property
    def failure(self) -> str:
        return (self.root / "output" / "failure").read_text()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path / "ml")


def test_arguments_are_sorted_decoded_and_without_reserved_names(job: Job) -> None:
    job.code("import sys, json; print('ARGS', json.dumps(sys.argv[1:]))")
    job.given |= {
        "epochs": 3, "b": "x y", "flag": True, "off": False, "nothing": None, "list": [8, 4], "map": {"q": 1, "a": 2},
        "learning-rate": 0.5, "sagemaker_container_log_level": 20, "_tuning_objective_metric": "acc",
    }  # fmt: skip
    code, out = job.run()

    assert code == 0
    (line,) = [line for line in out.splitlines() if line.startswith("ARGS ")]
    assert json.loads(line[5:]) == [
        "-b", "x y", "--epochs", "3", "--flag", "True", "--learning-rate", "0.5", "--list", "[8, 4]",
        "--map", "a=2,q=1", "--nothing", "None", "--off", "False",
    ]  # fmt: skip


def test_the_variables_that_scripts_read(job: Job) -> None:
    job.code("import os, json; print('ENV', json.dumps(dict(os.environ)))")
    job.given |= {"epochs": 3, "my-rate": 0.5, "name": "x"}
    job.channels = {"train": {"TrainingInputMode": "File"}, "a": {"TrainingInputMode": "File"}}
    _code, out = job.run(SAGEWRIGHT_CPUS="2", SAGEWRIGHT_GPUS="1")

    environ = json.loads(next(line[4:] for line in out.splitlines() if line.startswith("ENV ")))
    root = str(job.root)
    expected = {
        "SM_MODEL_DIR": f"{root}/model", "SM_OUTPUT_DATA_DIR": f"{root}/output/data", "SM_OUTPUT_DIR": f"{root}/output",
        "SM_CHANNELS": '["a", "train"]', "SM_CHANNEL_TRAIN": f"{root}/input/data/train", "SM_HP_EPOCHS": "3",
        "SM_HP_MY-RATE": "0.5", "SM_HP_NAME": "x", "SM_HOSTS": '["algo-1"]', "SM_CURRENT_HOST": "algo-1",
        "SM_NUM_CPUS": "2", "SM_NUM_GPUS": "1", "SM_USER_ENTRY_POINT": "train.py", "SM_MODULE_NAME": "train",
        "SM_INPUT_CONFIG_DIR": f"{root}/input/config", "SM_CURRENT_INSTANCE_TYPE": "ml.m5.large", "SM_IS_HETERO": "false",
        "SM_NETWORK_INTERFACE_NAME": "lo", "SM_CURRENT_INSTANCE_GROUP": "homogeneousCluster", "SM_LOG_LEVEL": "20",
    }  # fmt: skip
    assert {key: environ.get(key) for key in expected} == expected
    assert json.loads(environ["SM_HPS"]) == {"epochs": 3, "my-rate": 0.5, "name": "x"}
    assert json.loads(environ["SM_USER_ARGS"]) == ["--epochs", "3", "--my-rate", "0.5", "--name", "x"]
    assert json.loads(environ["SM_TRAINING_ENV"])["current_host"] == "algo-1"
    assert environ["PYTHONPATH"].startswith(f"{root}/code")


def test_success_leaves_its_mark(job: Job) -> None:
    job.code("")
    code, out = job.run()

    assert code == 0
    assert (job.root / "output" / "success").exists()
    assert "Reporting training SUCCESS" in out


def test_output_and_errors_keep_their_order(job: Job) -> None:
    job.code("import os\nfor i in range(200): os.write(1 + i % 2, b'%d\\n' % i)\n")
    _code, out = job.run()

    assert [line for line in out.splitlines() if line.isdigit()] == [str(i) for i in range(200)]


def test_a_failure_shows_the_end_of_the_traceback(job: Job) -> None:
    job.code("def f(n):\n    if n: f(n - 1)\n    else: raise KeyError('the column')\nprint('fine so far')\nf(50)\n")
    code, out = job.run()

    assert code == 1
    assert job.failure.startswith('ExecuteUserScriptError:\nExitCode 1\nErrorMessage "')
    assert "KeyError: 'the column'" in job.failure[:1024]
    assert "fine so far" not in job.failure
    assert 'Command "' in job.failure
    assert "Reporting training FAILURE" in out


def test_a_long_message_still_begins_in_view(job: Job) -> None:
    job.code("raise ValueError('begin ' + 'x' * 5000)")
    job.run()

    assert "ValueError: begin xxx" in job.failure[:1024]


def test_the_childs_exit_code_is_kept(job: Job) -> None:
    job.code("import sys; print('what went wrong', file=sys.stderr); sys.exit(42)")
    code, _out = job.run()

    assert code == 42
    assert "ExitCode 42" in job.failure
    assert "what went wrong" in job.failure


def test_a_shell_script(job: Job) -> None:
    job.given = {"sagemaker_program": "run.sh", "name": "x y"}
    job.code('echo "shell $1 $2"\n', "run.sh")
    code, out = job.run()

    assert code == 0
    assert "shell --name x y" in out


def test_a_package_is_installed_and_run_as_a_module(job: Job, tmp_path: Path) -> None:
    job.code("from setuptools import setup\nsetup(name='mine', version='1', py_modules=['train'])\n", "setup.py")
    job.code("import sys; print('module', __name__, sys.argv[1:])")
    (tmp_path / "pip").mkdir()  # in place of pip, which has no network here
    (tmp_path / "pip" / "pip.py").write_text("import sys; print('PIP', sys.argv[1:])\n")
    code, out = job.run(PYTHONPATH=f"{tmp_path / 'pip'}:{SOURCE}")

    assert code == 0, out
    assert "PIP ['install', '--no-build-isolation', '.']" in out
    assert "module __main__ []" in out


def test_requirements_that_the_agent_did_not_install(job: Job, tmp_path: Path) -> None:
    job.code("print('ran')")
    job.code("-r other.txt\n", "requirements.txt")
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "pip.py").write_text("import sys; sys.exit('no matching distribution')\n")
    code, out = job.run(PYTHONPATH=f"{tmp_path / 'pip'}:{SOURCE}")

    assert code == 1
    assert job.failure.startswith('InstallRequirementsError:\nExitCode 1\nErrorMessage "no matching distribution"')
    assert "ran" not in out

    assert "ran" in job.run(PYTHONPATH=f"{tmp_path / 'pip'}:{SOURCE}", SAGEWRIGHT_REQUIREMENTS="installed")[1]


def test_the_agent_is_asked_to_install_requirements(job: Job) -> None:
    job.code("print('ran')")
    job.code("six==1.16.0\n", "requirements.txt")
    code, out = job.run(SAGEWRIGHT_REQUIREMENTS="ask")

    assert (code, "ran" in out) == (93, False)
    assert (job.root / ".sagewright" / "requirements.txt").read_text() == "six==1.16.0\n"


def archive(job: Job, **members: str | tarfile.TarInfo) -> Path:
    """Code as the agent brings it."""
    place = job.root / ".sagewright"
    place.mkdir()
    with tarfile.open(place / "code.tar.gz", "w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name.replace("__", ".")) if isinstance(content, str) else content
            data = content.encode() if isinstance(content, str) else b""
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return place / "code.tar.gz"


def test_an_archive_of_code_is_unpacked_once(job: Job) -> None:
    place = archive(job, train__py="print('from the archive')")

    assert "from the archive" in job.run()[1]
    assert not place.exists()
    assert "from the archive" in job.run()[1]


def test_an_archive_that_leads_out_is_the_requests_fault(job: Job) -> None:
    link = tarfile.TarInfo("train.py")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    job.given["sagemaker_submit_directory"] = "s3://b/code.tar.gz"
    archive(job, train__py=link)

    assert job.run()[0] == 2
    assert job.failure.startswith("Cannot get the code of the job from s3://b/code.tar.gz: ")


def test_what_is_no_archive_is_the_requests_fault(job: Job) -> None:
    (job.root / ".sagewright").mkdir()
    (job.root / ".sagewright" / "code.tar.gz").write_bytes(b"PK nonsense")

    assert job.run()[0] == 2
    assert "Cannot get the code of the job" in job.failure


def test_code_in_a_channel_is_copied(job: Job) -> None:
    source = job.root / "input" / "data" / "code"
    source.mkdir()
    (source / "train.py").write_text("print('from the channel')")
    job.given["sagemaker_submit_directory"] = str(source)
    code, out = job.run()

    assert code == 0
    assert "from the channel" in out


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"sagemaker_program": ""}, "sagemaker_program is missing"),
        ({"sagemaker_pytorch_xla_multi_worker_enabled": True}, "pytorch_xla"),
        ({"sagemaker_mpi_enabled": True}, "mpirun"),
    ],
)
def test_what_cannot_be_given_is_a_framework_error(job: Job, given: dict[str, Any], text: str) -> None:
    job.code("")
    job.given |= given
    code, _out = job.run(PATH="/nowhere")

    assert code == 1
    assert job.failure.startswith("Framework Error: \n")
    assert text in job.failure


def test_workers_find_each_other_by_tf_config(job: Job) -> None:
    job.given["sagemaker_multi_worker_mirrored_strategy_enabled"] = True
    job.resources |= {"hosts": ["algo-1", "algo-2"], "current_host": "algo-2"}
    job.code("import os; print('TF', os.environ['TF_CONFIG'])")
    _code, out = job.run()

    config = json.loads(next(line[3:] for line in out.splitlines() if line.startswith("TF ")))
    assert config == {
        "cluster": {"worker": ["algo-1:8890", "algo-2:8890"]},
        "task": {"type": "worker", "index": 1},
    }


def test_a_stop_reaches_the_script(job: Job) -> None:
    job.code(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('saving'), sys.exit(0)))\n"
        "print('ready'); time.sleep(60)\n"
    )
    process = job.start()
    assert process.stdout is not None
    while process.stdout.readline().strip() != "ready":
        pass
    process.send_signal(signal.SIGTERM)
    out, _none = process.communicate(timeout=60)

    assert process.returncode == 0
    assert "saving" in out

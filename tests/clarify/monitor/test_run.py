"""The program of a monitor: which analysis it runs, on which host, and how it ends."""

import json

import pytest

from sagewright.monitor import run


@pytest.fixture
def started(tmp_path, monkeypatch):
    def start(*, host="algo-1", hosts=("algo-1",), distribution="FullyReplicated", **variables):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / "data.csv").write_text("x\n1\n2\n")
        config = tmp_path / "config"
        config.mkdir(exist_ok=True)
        (config / "resourceconfig.json").write_text(json.dumps({"current_host": host, "hosts": list(hosts)}))
        inputs = [{"InputName": "i", "S3Input": {"S3DataDistributionType": distribution}}]
        (config / "processingjobconfig.json").write_text(json.dumps({"ProcessingInputs": inputs}))
        given = {
            "SAGEWRIGHT_ML_ROOT": str(tmp_path), "dataset_source": "/opt/ml/in", "output_path": "/opt/ml/out",
            "dataset_format": '{"csv": {"header": true}}',
        }  # fmt: skip
        for name, value in (given | variables).items():
            monkeypatch.setenv(name, value)
        code = run.main()
        message = tmp_path / "output" / "message"
        return code, message.read_text() if message.exists() else ""

    return start


def test_the_first_of_several_hosts_runs_the_analysis(started, tmp_path):
    hosts = [f"algo-{number}" for number in range(1, 12)]
    assert started(host="algo-10", hosts=hosts) == (0, "")
    assert not (tmp_path / "out").exists()
    code, message = started(host="algo-1", hosts=hosts)
    assert (code, message) == (0, "Completed: Job completed successfully with no violations.")
    assert (tmp_path / "out" / "statistics.json").exists()


def test_sharded_data_of_several_hosts_are_refused(started):
    code, message = started(hosts=("algo-1", "algo-2"), distribution="ShardedByS3Key")
    assert code == 1
    assert message.startswith("Customer Error: The input i is ShardedByS3Key over 2 instances")
    assert started(distribution="ShardedByS3Key")[0] == 0


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"analysis_type": "RANKING"}, "Customer Error: The analysis_type 'RANKING' is unknown"),
        ({"dataset_format": "x"}, "Customer Error: The environment variable dataset_format must be"),
        ({"start_time": "noon"}, ""),
        ({"dataset_source": ""}, ""),
    ],
)
def test_wrong_variables_fail_the_job(started, variables, text):
    code, message = started(**variables)
    assert code == 1
    assert message.startswith(text) and bool(message) == bool(text), message

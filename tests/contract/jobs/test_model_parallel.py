"""One model over several processes, by the names of AWS's model parallel libraries: version 1 by SDK v2 and `mpirun`,
version 2 (`torch.sagemaker`) by SDK v2 and v3 and `torchrun`.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

SCRIPTS = Path(__file__).parent / "modelparallel"
V2 = """
import json, sys, sagemaker
from sagemaker.pytorch import PyTorch
options = json.loads(sys.argv[2])
estimator = PyTorch(entry_point=sys.argv[1], source_dir="code", role=sagemaker.get_execution_role(),
    framework_version="2.0.1", py_version="py310", instance_type="ml.p3.16xlarge", **options)
estimator.fit()
print("MODEL", estimator.model_data)
"""
V3 = """
import json, logging, sys
logging.basicConfig(level=logging.INFO)
from sagemaker.core import image_uris
from sagemaker.core.training.configs import Compute, SourceCode
from sagemaker.train import ModelTrainer
from sagemaker.train.distributed import SMP, Torchrun
trainer = ModelTrainer(
    training_image=image_uris.retrieve("pytorch", "us-east-1", version="2.0.1", py_version="py310",
        instance_type="ml.p3.16xlarge", image_scope="training"),
    source_code=SourceCode(source_dir="code", entry_script=sys.argv[1]),
    compute=Compute(instance_type="ml.p3.16xlarge", instance_count=2),
    distributed=Torchrun(process_count_per_node=2, smp=SMP(**json.loads(sys.argv[2]))),
)
trainer.train(logs=True)
"""
MPIRUN = pytest.mark.skipif(not shutil.which("mpirun"), reason="Open MPI is not installed")


def run(server: RunningServer, place: Path, program: str, script: str, options: dict[str, Any]) -> str:
    """The client's output for a job of `script`."""
    (place / "code").mkdir()
    shutil.copy(SCRIPTS / script, place / "code" / script)
    (place / "submit.py").write_text(program)
    client = server.sdk_v3 if program is V3 else server.sdk_v2
    done = client(place / "submit.py", script, json.dumps(options))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def by_mpi(parameters: dict[str, Any], hosts: int, processes: int) -> dict[str, Any]:
    """Options of an estimator."""
    return {
        "instance_count": hosts,
        "distribution": {
            "smdistributed": {"modelparallel": {"enabled": True, "parameters": {"ddp": True, **parameters}}},
            "mpi": {"enabled": True, "processes_per_host": processes},
        },
    }


@MPIRUN
@pytest.mark.sampled(1, of="trainings over hosts")
@pytest.mark.parametrize(
    ("parameters", "hosts", "processes", "held"),
    [
        ({"sharded_data_parallel_degree": 2, "microbatches": 2}, 2, 1, [4520, 4520]),
        ({"pipeline_parallel_degree": 2, "microbatches": 4}, 2, 1, [4720, 4320]),
        ({"tensor_parallel_degree": 2, "prescaled_batch": True}, 1, 2, [4520, 4520]),
        ({"tensor_parallel_degree": 2, "microbatches": 2}, 2, 2, [2260] * 4),
        (
            {"pipeline_parallel_degree": 2, "tensor_parallel_degree": 2, "microbatches": 2},
            2,
            2,
            [2592, 2592, 2192, 2192],
        ),
        (
            {"partitions": 2, "microbatches": 2, "auto_partition": False, "default_partition": 0},
            1,
            2,
            [4720, 4320],
        ),
        (
            {"partitions": 4, "microbatches": 2, "auto_partition": False, "default_partition": 0},
            1,
            4,
            [2560, 2160, 2160, 2160],
        ),
    ],
    ids=[
        "sharded",
        "pipeline",
        "tensor-prescaled",
        "tensor-and-sharded",
        "pipeline-and-tensor",
        "by-hand",
        "by-hand-in-four",
    ],
)
def test_a_model_over_several_processes_learns_as_one(
    server: RunningServer, tmp_path: Path, parameters: dict[str, Any], hosts: int, processes: int, held: list[int]
) -> None:
    server.boto("s3").create_bucket(Bucket="parallel")
    options = by_mpi(parameters, hosts, processes)
    options["checkpoint_s3_uri"] = f"s3://parallel/{tmp_path.name}"
    out = run(server, tmp_path, V2, "train_smp.py", options)
    for rank, count in enumerate(held):
        assert f"rank {rank} of {len(held)} holds {count} of 9040" in out
    assert out.count("resumed") == (processes if hosts == 1 else 0)
    if {"pipeline_parallel_degree", "partitions"} & set(parameters):
        assert "outside of a step: With pipeline_parallel_degree > 1" in out


@MPIRUN
@pytest.mark.sampled(1, of="trainings over hosts")
def test_transformers_are_divided(server: RunningServer, tmp_path: Path) -> None:
    out = run(server, tmp_path, V2, "train_transformer.py", by_mpi({"tensor_parallel_degree": 2}, 2, 1))
    for rank in (0, 1):
        assert f"transformer agrees on rank {rank}" in out


@MPIRUN
@pytest.mark.sampled(1, of="what model parallelism refuses")
def test_degrees_that_do_not_fit_are_refused_by_name(server: RunningServer, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="does not divide the 2 processes"):
        run(server, tmp_path, V2, "train_smp.py", by_mpi({"pipeline_parallel_degree": 3, "microbatches": 2}, 1, 2))


@pytest.mark.sampled(1, of="trainings over hosts")
def test_version_2_divides_tensors_over_two_hosts(server: RunningServer, tmp_path: Path) -> None:
    parallel = {"enabled": True, "parameters": {"tensor_parallel_degree": 2}}
    distribution = {"torch_distributed": {"enabled": True}, "smdistributed": {"modelparallel": parallel}}
    out = run(server, tmp_path, V2, "train_tsm.py", {"instance_count": 2, "distribution": distribution})
    for rank in (0, 1):
        assert f"rank {rank} of 2 holds 1576 of 3024, tp 2, shards 1, NO_SHARD" in out
    bucket, key = out.split("MODEL s3://")[1].split()[0].split("/", 1)
    archive = tmp_path / "model.tar.gz"
    server.boto("s3").download_file(bucket, key, str(archive))
    with tarfile.open(archive) as found:
        assert found.getnames()[-1].endswith("model.pt")


@pytest.mark.sampled(1, of="trainings over hosts")
def test_version_2_by_sdk_v3(server: RunningServer, tmp_path: Path) -> None:
    out = run(server, tmp_path, V3, "train_tsm.py", {"tensor_parallel_degree": 1, "hybrid_shard_degree": 2})
    for rank in range(4):
        assert f"rank {rank} of 4 holds 1512 of 3024, tp 1, shards 2, HYBRID_SHARD" in out


@pytest.mark.sampled(1, of="what model parallelism refuses")
def test_what_version_2_has_not_fails_by_name(server: RunningServer, tmp_path: Path) -> None:
    parallel = {"enabled": True, "parameters": {"context_parallel_degree": 2}}
    distribution = {"torch_distributed": {"enabled": True}, "smdistributed": {"modelparallel": parallel}}
    with pytest.raises(AssertionError, match="context_parallel_degree=2: not implemented"):
        run(server, tmp_path, V2, "train_tsm.py", {"instance_count": 1, "distribution": distribution})

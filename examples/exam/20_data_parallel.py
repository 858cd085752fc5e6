"""A data set too large for one host: data parallel.

Run it: sagewright examples run data_parallel
"""

from pathlib import Path

import datasets
import result
import sagemaker
from sagemaker.pytorch import PyTorch

session = sagemaker.Session()
bucket = session.default_bucket()
datasets.put(bucket, {"exam/parallel/digits.csv": datasets.digits()})
said = {}
for hosts in (1, 2):
    estimator = PyTorch(
        "parallel_data.py",
        source_dir=str(Path(__file__).parent / "scripts"),
        role=sagemaker.get_execution_role(),
        instance_type="ml.p3.16xlarge",
        instance_count=hosts,
        framework_version="2.0.1",
        py_version="py310",
        distribution={"torch_distributed": {"enabled": True}},
        metric_definitions=[{"Name": name, "Regex": f"{name}=(.*?);"} for name in ("ranks", "loss")],
    )
    estimator.fit({"training": f"s3://{bucket}/exam/parallel"}, logs=False)
    job = estimator.latest_training_job.describe()
    said[hosts] = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    print(f"{said[hosts]['ranks']:.0f} ranks: loss {said[hosts]['loss']:.9f}")
assert said[2]["ranks"] == 2
difference = abs(said[2]["loss"] / said[1]["loss"] - 1)
page = f"jobs/{estimator.latest_training_job.name}"
result.check("relative difference of the losses of 2 hosts and of 1", difference, at_most=1e-6, page=page)

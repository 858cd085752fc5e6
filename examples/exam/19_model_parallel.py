"""A model too large for one device: model parallel.

Run it: sagewright examples run model_parallel
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
for ranks in (1, 2):
    options = {"enabled": True, "parameters": {"tensor_parallel_degree": ranks}}
    estimator = PyTorch(
        "parallel_model.py",
        source_dir=str(Path(__file__).parent / "scripts"),
        role=sagemaker.get_execution_role(),
        instance_type="ml.p3.16xlarge",
        instance_count=ranks,
        framework_version="2.0.1",
        py_version="py310",
        distribution={"torch_distributed": {"enabled": True}, "smdistributed": {"modelparallel": options}},
        metric_definitions=[{"Name": name, "Regex": f"{name}=(.*?);"} for name in ("ranks", "held", "loss")],
    )
    estimator.fit({"training": f"s3://{bucket}/exam/parallel"}, logs=False)
    job = estimator.latest_training_job.describe()
    said[ranks] = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    print(
        f"{said[ranks]['ranks']:.0f} ranks: each holds {said[ranks]['held']:.0f} numbers, loss {said[ranks]['loss']:.9f}"
    )
assert said[2]["ranks"] == 2
assert said[2]["held"] < 0.6 * said[1]["held"]
difference = abs(said[2]["loss"] / said[1]["loss"] - 1)
page = f"jobs/{estimator.latest_training_job.name}"
result.check("relative difference of the losses of 2 ranks and of 1", difference, at_most=1e-5, page=page)

"""Large data, nothing downloaded to disk: Pipe or FastFile mode.

Run it: sagewright examples run pipe_fastfile
"""

from pathlib import Path

import datasets
import result
import sagemaker
from sagemaker.inputs import TrainingInput
from sagemaker.sklearn import SKLearn

session = sagemaker.Session()
bucket = session.default_bucket()
texts = [text for _, text in datasets.newsgroups("train")]
parts = {f"exam/texts/{number:02d}.txt": " ".join([*texts[number::20], ""]).encode() for number in range(20)}
datasets.put(bucket, parts)

shares = []
for mode in ("Pipe", "FastFile"):
    estimator = SKLearn(
        "count_words.py",
        source_dir=str(Path(__file__).parent / "scripts"),
        role=sagemaker.get_execution_role(),
        instance_type="ml.m5.large",
        instance_count=1,
        framework_version="1.2-1",
        metric_definitions=[
            {"Name": name, "Regex": f"{name}=([0-9.]+);"} for name in ("first", "last", "bytes", "words")
        ],
    )
    estimator.fit({"texts": TrainingInput(f"s3://{bucket}/exam/texts/", input_mode=mode)}, logs=False)
    job = estimator.latest_training_job.describe()
    said = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    print(f"{mode}: first byte after {said['first']:.3f} s, last of {said['bytes']:.0f} after {said['last']:.3f} s")
    assert said["bytes"] == sum(len(part) for part in parts.values())
    shares.append(said["first"] / said["last"])
page = f"jobs/{estimator.latest_training_job.name}"
result.check("time to the first byte, as a share of that to the last", max(shares), at_most=0.5, page=page)

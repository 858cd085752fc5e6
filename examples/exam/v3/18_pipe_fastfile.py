"""Large data, nothing downloaded to disk: Pipe or FastFile mode.

Run it: sagewright examples run pipe_fastfile --sdk v3
"""

from pathlib import Path

import datasets
import result
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.shapes import MetricDefinition
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode

session = Session()
bucket = session.default_bucket()
texts = [text for _, text in datasets.newsgroups("train")]
parts = {f"exam/texts/{number:02d}.txt": " ".join([*texts[number::20], ""]).encode() for number in range(20)}
datasets.put(bucket, parts)

shares = []
for mode in ("Pipe", "FastFile"):
    trainer = ModelTrainer(
        training_image=image_uris.retrieve("sklearn", session.boto_region_name, "1.2-1"),
        source_code=SourceCode(source_dir=str(Path(__file__).parents[1] / "scripts"), entry_script="count_words.py"),
        compute=Compute(instance_type="ml.m5.large", instance_count=1),
        training_input_mode=mode,
        base_job_name="exam-words",
    ).with_metric_definitions(
        [MetricDefinition(name=name, regex=f"{name}=([0-9.]+);") for name in ("first", "last", "bytes", "words")]
    )
    trainer.train([InputData(channel_name="texts", data_source=f"s3://{bucket}/exam/texts/")], logs=False)
    job = trainer._latest_training_job
    said = {metric.metric_name: metric.value for metric in job.final_metric_data_list}
    print(f"{mode}: first byte after {said['first']:.3f} s, last of {said['bytes']:.0f} after {said['last']:.3f} s")
    assert said["bytes"] == sum(len(part) for part in parts.values())
    shares.append(said["first"] / said["last"])
result.check(
    "time to the first byte, as a share of that to the last",
    max(shares),
    at_most=0.5,
    page=f"jobs/{job.training_job_name}",
)

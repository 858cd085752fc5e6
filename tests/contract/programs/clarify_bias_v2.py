"""Bias before training, by SDK v2's SageMakerClarifyProcessor: a data set with headers in the configuration."""

import json
import sys
from pathlib import Path

from sagemaker import Session, get_execution_role
from sagemaker.clarify import BiasConfig, DataConfig, SageMakerClarifyProcessor
from sagemaker.s3 import S3Downloader, S3Uploader

session, role = Session(), get_execution_role()
place = Path(sys.argv[1])
rows = [(age, "f" if age % 3 else "m", int(age % 4 == 0)) for age in range(20, 80)]
data = place / "data.csv"
data.write_text("".join(f"{label},{age},{gender}\n" for age, gender, label in rows))
prefix = f"s3://{session.default_bucket()}/clarify-bias"
uri = S3Uploader.upload(str(data), f"{prefix}/data", sagemaker_session=session)

processor = SageMakerClarifyProcessor(
    role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session
)
config = DataConfig(
    s3_data_input_path=uri,
    s3_output_path=f"{prefix}/out",
    label="Target",
    headers=["Target", "Age", "Gender"],
    dataset_type="text/csv",
)
bias = BiasConfig(label_values_or_threshold=[1], facet_name="Gender", facet_values_or_threshold=["f"])
processor.run_pre_training_bias(config, bias, methods="all")
described = processor.latest_job.describe()
print("status:", described["ProcessingJobStatus"], "|", described["ExitMessage"])
files = sorted(file.rpartition("/")[2] for file in S3Downloader.list(f"{prefix}/out", sagemaker_session=session))
print("files:", files)
analysis = json.loads(S3Downloader.read_file(f"{prefix}/out/analysis.json", sagemaker_session=session))
section = analysis["pre_training_bias_metrics"]
print("label:", section["label"], section["label_value_or_threshold"])
for metric in section["facets"]["Gender"][0]["metrics"]:
    print("metric:", metric["name"], metric["value"], metric.get("error"))

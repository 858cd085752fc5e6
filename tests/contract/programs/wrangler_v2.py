"""A flow of the SDK's ingestion helper, run by SDK v2's DataWranglerProcessor; then by a Processor, as in exported notebooks."""

import json
import sys
from pathlib import Path

from sagemaker import Session, get_execution_role, image_uris
from sagemaker.processing import ProcessingInput, ProcessingOutput, Processor
from sagemaker.s3 import S3Downloader, S3Uploader
from sagemaker.wrangler.ingestion import generate_data_ingestion_flow_from_s3_input
from sagemaker.wrangler.processing import DataWranglerProcessor

session, role = Session(), get_execution_role()
place = Path(sys.argv[1])
prefix = f"s3://{session.default_bucket()}/wrangler-v2"
data = place / "people.csv"
data.write_text("id,age,kind\n1,20,a\n2,,b\n3,40,a\n")
uri = S3Uploader.upload(str(data), f"{prefix}/people", sagemaker_session=session)
flow, output = generate_data_ingestion_flow_from_s3_input(
    "people", uri, s3_has_header=True, schema={"id": "long", "age": "float", "kind": "string"}
)
file = place / "ingest.flow"
file.write_text(json.dumps(flow))


def written(folder: str) -> None:
    for path in sorted(S3Downloader.list(folder, sagemaker_session=session)):
        name = path.removeprefix(folder).lstrip("/")
        if name.endswith(".csv"):
            print("file:", name, S3Downloader.read_file(path, sagemaker_session=session).split())
        else:
            print("file:", name)


def result(folder: str) -> ProcessingOutput:
    return ProcessingOutput(output_name=output, source="/opt/ml/processing/output", destination=folder)


processor = DataWranglerProcessor(role, str(file), 1, "ml.m5.large", sagemaker_session=session)
processor.run(outputs=[result(f"{prefix}/one")], wait=True, logs=False)
print("status:", processor.latest_job.describe()["ExitMessage"])
written(f"{prefix}/one")

kind = flow["nodes"][-1]["node_id"]
flow["nodes"].append(
    {
        "node_id": "hot",
        "type": "TRANSFORM",
        "operator": "sagemaker.spark.encode_categorical_0.1",
        "parameters": {
            "operator": "One-hot encode",
            "one_hot_encode_parameters": {"input_column": ["kind"], "output_style": "Columns", "drop_last": False},
            "ordinal_encode_parameters": {"invalid_handling_strategy": "Replace with NaN"},
        },
        "inputs": [{"name": "df", "node_id": kind, "output_name": "default"}],
        "outputs": [{"name": "default"}],
    }
)
output = "hot.default"
file.write_text(json.dumps(flow))
processor = Processor(
    role,
    image_uris.retrieve("data-wrangler", session.boto_region_name),
    instance_count=1,
    instance_type="ml.m5.large",
    sagemaker_session=session,
)
processor.run(
    inputs=[
        ProcessingInput(
            S3Uploader.upload(str(file), f"{prefix}/flow", sagemaker_session=session), "/opt/ml/processing/flow", "flow"
        ),
        ProcessingInput(f"{prefix}/people", "/opt/ml/processing/people", "people"),
    ],
    outputs=[result(f"{prefix}/two")],
    arguments=[
        f"--output-config '{json.dumps({output: {'content_type': 'CSV'}})}'",
        f"--refit-trained-params '{json.dumps({'refit': True, 'output_flow': 'fitted.flow'})}'",
    ],
    logs=False,
)
written(f"{prefix}/two")
fitted = json.loads(S3Downloader.read_file(f"{prefix}/two/fitted.flow", sagemaker_session=session))
print("fitted:", fitted["nodes"][-1]["trained_parameters"]["one_hot_encode_parameters"][0]["encoder_mapping"])

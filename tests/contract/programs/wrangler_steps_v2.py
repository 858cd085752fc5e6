"""A flow as a step of a pipeline, by the program that Studio prints; then fitted, before a model: on an endpoint and in batch."""

import sys
import tarfile
from pathlib import Path

from sagemaker import Session, get_execution_role, image_uris
from sagemaker.deserializers import CSVDeserializer
from sagemaker.model import Model
from sagemaker.pipeline import PipelineModel
from sagemaker.predictor import Predictor
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.s3 import S3Downloader, S3Uploader
from sagemaker.serializers import CSVSerializer
from sagemaker.sklearn.model import SKLearnModel
from sagemaker.wrangler.processing import DataWranglerProcessor

place = Path(sys.argv[1])
session, role = Session(), get_execution_role()
prefix = f"s3://{session.default_bucket()}/wrangler-steps"

printed: dict = {}
exec((place / "step.py").read_text(), printed)
execution = printed["pipeline"].start()
execution.wait(delay=1, max_attempts=300)
(step,) = execution.list_steps()
print("step:", step["StepName"], step["StepStatus"], step.get("FailureReason", ""))
(made,) = [one for one in S3Downloader.list(f"{prefix}/out") if one.endswith(".csv")]
print("rows:", S3Downloader.read_file(made).split())

processor = DataWranglerProcessor(role, f"{prefix}/steps.flow", 1, "ml.m5.large", sagemaker_session=session)
processor.run(
    inputs=[ProcessingInput(f"{prefix}/in/", "/opt/ml/processing/rows", "rows")],
    outputs=[
        ProcessingOutput(source="/opt/ml/processing/output", destination=f"{prefix}/fit", output_name="scale.default")
    ],
    arguments=["--refit-trained-params", '{"refit": true, "output_flow": "steps.flow"}'],
    logs=False,
)
S3Downloader.download(f"{prefix}/fit/steps.flow", str(place / "fitted"))
with tarfile.open(place / "flow.tar.gz", "w:gz") as tar:
    tar.add(place / "fitted" / "steps.flow", "steps.flow")
(place / "inference.py").write_text("""
def model_fn(folder):
    return 100.0

def predict_fn(rows, weight):
    return (rows * [1.0, weight]).sum(axis=1)
""")
(place / "empty").touch()
with tarfile.open(place / "model.tar.gz", "w:gz") as tar:
    tar.add(place / "empty", "empty")
image = image_uris.retrieve("data-wrangler", session.boto_region_name)
flow = Model(image, S3Uploader.upload(str(place / "flow.tar.gz"), f"{prefix}/models"), role, sagemaker_session=session)
data = S3Uploader.upload(str(place / "model.tar.gz"), f"{prefix}/models")
model = SKLearnModel(data, role, str(place / "inference.py"), framework_version="1.2-1", sagemaker_session=session)
pipeline = PipelineModel([flow, model], role, sagemaker_session=session)
pipeline.deploy(1, "ml.m5.large")
predictor = Predictor(pipeline.endpoint_name, session)
predictor.serializer, predictor.deserializer = CSVSerializer(), CSVDeserializer()
print("\nanswer:", predictor.predict("1,20\n3,40\n"))
predictor.delete_endpoint()
transformer = pipeline.transformer(
    1, "ml.m5.large", output_path=f"{prefix}/batch", assemble_with="Line", accept="text/csv"
)
transformer.transform(f"{prefix}/batch-in/", content_type="text/csv", split_type="Line", logs=False)
print("batch:", S3Downloader.read_file(f"{prefix}/batch/rows.csv.out").split())

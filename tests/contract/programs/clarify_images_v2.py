"""Heat maps of pictures by SDK v2: a script that finds the reddest part, and a detector."""

import sys
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image
from sagemaker import Session, get_execution_role
from sagemaker.clarify import (
    DataConfig,
    ImageConfig,
    ModelConfig,
    ModelPredictedLabelConfig,
    SageMakerClarifyProcessor,
    SHAPConfig,
)
from sagemaker.s3 import S3Downloader, S3Uploader

session, role = Session(), get_execution_role()
place = Path(sys.argv[1])
prefix = f"s3://{session.default_bucket()}/clarify-images"
(place / "pictures").mkdir()
for name, column in (("left", 0), ("right", 64)):
    pixels = np.full((96, 128, 3), 90, dtype=np.uint8)
    pixels[20:76, column : column + 64] = (230, 30, 30)
    Image.fromarray(pixels).save(place / "pictures" / f"{name}.jpg", quality=95)
uri = S3Uploader.upload(str(place / "pictures"), f"{prefix}/pictures", sagemaker_session=session)

SCRIPT = """
import io, json
import numpy as np
from PIL import Image

def model_fn(folder):
    return None

def input_fn(body, content_type):
    return np.asarray(Image.open(io.BytesIO(body)).convert("RGB"), dtype=float)

def predict_fn(picture, model):
    red = (picture[:, :, 0] - picture[:, :, 1]).clip(0) / 255
    if DETECTS:
        rows, columns = np.where(red > 0.5)
        if not len(rows):
            return [[]]
        height, width = red.shape
        box = [columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height]
        return [[[1.0, float(red[red > 0.5].mean()), *map(float, box)]]]
    share = float(red.mean())
    return [[1 - share, share]]

def output_fn(found, accept):
    return json.dumps(found)
"""
image = f"683313688378.dkr.ecr.{session.boto_region_name}.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
for name, detects in (("classifier", False), ("detector", True)):
    (place / "inference.py").write_text(SCRIPT.replace("DETECTS", str(detects)))
    with tarfile.open(place / f"{name}.tar.gz", "w:gz") as tar:
        tar.add(place / "inference.py", "code/inference.py")
    model_uri = S3Uploader.upload(str(place / f"{name}.tar.gz"), f"{prefix}/model", sagemaker_session=session)
    environment = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    container = {"Image": image, "ModelDataUrl": model_uri, "Environment": environment}
    session.sagemaker_client.create_model(
        ModelName=f"pictures-{name}", PrimaryContainer=container, ExecutionRoleArn=role
    )
    processor = SageMakerClarifyProcessor(
        role=role, instance_count=1, instance_type="ml.m5.large", sagemaker_session=session
    )
    processor.run_explainability(
        data_config=DataConfig(uri, f"{prefix}/{name}", dataset_type="application/x-image"),
        model_config=ModelConfig(
            model_name=f"pictures-{name}", instance_type="ml.m5.large", instance_count=1, content_type="image/jpeg",
            accept_type="application/json",
        ),
        explainability_config=SHAPConfig(
            num_samples=60, seed=3, agg_method="mean_abs",
            image_config=ImageConfig("OBJECT_DETECTION" if detects else "IMAGE_CLASSIFICATION", num_segments=8),
        ),
        model_scores=ModelPredictedLabelConfig(label_headers=["grey", "red"]),
    )  # fmt: skip
    print("status:", processor.latest_job.describe()["ExitMessage"])
    files = sorted(
        file[len(f"{prefix}/{name}/") :] for file in S3Downloader.list(f"{prefix}/{name}", sagemaker_session=session)
    )
    print("files:", [file for file in files if file.endswith(".jpeg")])
print("left:", session.sagemaker_client.list_endpoints(NameContains="sm-clarify")["Endpoints"])

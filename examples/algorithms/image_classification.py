"""Image classification: train, deploy, transform, train on, tune. Run it: sagewright exec -- python image_classification.py"""

import io
import json
import struct

import boto3
import numpy as np
import sagemaker
from PIL import Image
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import IdentitySerializer
from sagemaker.tuner import CategoricalParameter, HyperparameterTuner
from sklearn.datasets import load_digits

session = sagemaker.Session()
bucket, s3 = session.default_bucket(), boto3.client("s3")


def png(pixels: np.ndarray) -> bytes:
    """A grey image (h, w) uint8 as a file."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def records(images: list[bytes], labels: list[int]) -> bytes:
    """What im2rec makes of images: RecordIO frames of a header and a file."""
    out = b""
    for image, label in zip(images, labels, strict=True):
        record = struct.pack("<IfQQ", 0, label, 0, 0) + image
        out += struct.pack("<II", 0xCED7230A, len(record)) + record + b"\0" * (-len(record) % 4)
    return out


digits = load_digits(n_class=4)
order = np.random.default_rng(0).permutation(len(digits.target))
images = [png(pixels) for pixels in np.minimum(digits.images[order] * 16, 255).astype(np.uint8)]
labels = [int(label) for label in digits.target[order]]
parts = {"train": slice(0, 400), "validation": slice(400, 500), "later": slice(500, 520)}
for channel in ("train", "validation"):
    content = records(images[parts[channel]], labels[parts[channel]])
    s3.put_object(Bucket=bucket, Key=f"digits/{channel}/{channel}.rec", Body=content)
later, expected = images[parts["later"]], labels[parts["later"]]
for number, image in enumerate(later):
    s3.put_object(Bucket=bucket, Key=f"digits/later/{number:02d}.png", Body=image)

estimator = Estimator(
    sagemaker.image_uris.retrieve("image-classification", session.boto_region_name),
    sagemaker.get_execution_role(),
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/digits/output",
    hyperparameters={
        "num_classes": 4,
        "num_training_samples": 400,
        "num_layers": 20,
        "image_shape": "1,8,8",
        "epochs": 6,
        "mini_batch_size": 20,
        "learning_rate": 0.05,
    },
)
channels = {
    name: TrainingInput(f"s3://{bucket}/digits/{name}", content_type="application/x-recordio")
    for name in ("train", "validation")
}
estimator.fit(channels)

predictor = estimator.deploy(
    1, "ml.m5.large", serializer=IdentitySerializer("image/png"), deserializer=JSONDeserializer()
)
answers = [predictor.predict(image) for image in later]
right = sum(int(np.argmax(answer)) == label for answer, label in zip(answers, expected, strict=True))
print(f"{right} of {len(later)} right; of the first: {answers[0]}")
predictor.delete_endpoint()

transformer = estimator.transformer(1, "ml.m5.large", accept="application/jsonlines")
transformer.transform(f"s3://{bucket}/digits/later", content_type="application/x-image", logs=False)
prefix = transformer.output_path.removeprefix(f"s3://{bucket}/")
transformed = [
    json.loads(s3.get_object(Bucket=bucket, Key=f"{prefix}/{number:02d}.png.out")["Body"].read())["prediction"]
    for number in range(len(later))
]
print(f"{len(transformed)} transformed")

estimator.set_hyperparameters(epochs=2)
channels["model"] = TrainingInput(estimator.model_data, content_type="application/x-sagemaker-model")
tuner = HyperparameterTuner(
    estimator,
    objective_metric_name="validation:accuracy",
    hyperparameter_ranges={"optimizer": CategoricalParameter(["sgd", "nag"])},
    max_jobs=2,
    max_parallel_jobs=2,
    base_tuning_job_name="digits-optimizer",
)
tuner.fit(channels)
print("best:", tuner.best_training_job())

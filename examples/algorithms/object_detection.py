"""Object detection: train, deploy, transform. Run it: sagewright exec -- python object_detection.py"""

import io
import json

import boto3
import numpy as np
import sagemaker
from PIL import Image
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import IdentitySerializer

session = sagemaker.Session()
bucket, s3 = session.default_bucket(), boto3.client("s3")
random = np.random.default_rng(0)
WIDTH, HEIGHT = 120, 90


def png(pixels: np.ndarray) -> bytes:
    """An image (h, w, 3) uint8 as a file."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def scene(number: int) -> tuple[bytes, bytes]:
    """An image of a red and a blue box on grey, and its annotation: class 0 is red, 1 blue."""
    image, boxes = np.repeat(random.integers(90, 160, (HEIGHT, WIDTH, 1)), 3, axis=2), []
    for label, channel in ((0, 0), (1, 2)):
        width, height = (int(side) for side in random.integers(32, 56, 2))
        left, top = int(random.integers(0, 60 - width)) + 60 * label, int(random.integers(0, HEIGHT - height))
        image[top : top + height, left : left + width] = np.eye(3)[channel] * 210 + 20
        boxes.append({"class_id": label, "left": left, "top": top, "width": width, "height": height})
    size = [{"width": WIDTH, "height": HEIGHT, "depth": 3}]
    names = [{"class_id": 0, "name": "red"}, {"class_id": 1, "name": "blue"}]
    annotation = {"file": f"{number}.png", "image_size": size, "annotations": boxes, "categories": names}
    return png(image.astype(np.uint8)), json.dumps(annotation).encode()


scenes = [scene(number) for number in range(28)]
for number, (image, annotation) in enumerate(scenes):
    channel = "train" if number < 24 else "validation"
    s3.put_object(Bucket=bucket, Key=f"things/{channel}/{number}.png", Body=image)
    s3.put_object(Bucket=bucket, Key=f"things/{channel}_annotation/{number}.json", Body=annotation)

estimator = Estimator(
    sagemaker.image_uris.retrieve("object-detection", session.boto_region_name),
    sagemaker.get_execution_role(),
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/things/output",
    hyperparameters={
        "num_classes": 2,
        "num_training_samples": 24,
        "base_network": "resnet-50",
        "mini_batch_size": 4,
        "epochs": 4,  # it finds most of the boxes after 12
        "optimizer": "adam",
        "learning_rate": 0.003,
        "_width": 4,  # a sixteenth of the channels: quick enough for a CPU
    },
)
names = ("train", "validation", "train_annotation", "validation_annotation")
estimator.fit({name: TrainingInput(f"s3://{bucket}/things/{name}", content_type="image/png") for name in names})

predictor = estimator.deploy(
    1, "ml.m5.large", serializer=IdentitySerializer("image/png"), deserializer=JSONDeserializer()
)
answers = [predictor.predict(image)["prediction"] for image, _ in scenes[24:]]
for label, score, left, top, right, bottom in answers[0][:3]:
    print(f"class {label:.0f}, {score:.2f}: from ({left:.2f}, {top:.2f}) to ({right:.2f}, {bottom:.2f})")
runtime = boto3.client("sagemaker-runtime")
said = runtime.invoke_endpoint(
    EndpointName=predictor.endpoint_name,
    ContentType="image/png",
    Accept="application/json;annotation=1",
    Body=scenes[24][0],
)
annotated = json.load(said["Body"])
predictor.delete_endpoint()

transformer = estimator.transformer(1, "ml.m5.large", accept="application/json")
transformer.transform(f"s3://{bucket}/things/validation/", content_type="image/png", logs=False)
prefix = transformer.output_path.removeprefix(f"s3://{bucket}/")
transformed = [
    json.load(s3.get_object(Bucket=bucket, Key=f"{prefix}/{number}.png.out")["Body"])["prediction"]
    for number in range(24, 28)
]
print(f"{len(transformed)} transformed")

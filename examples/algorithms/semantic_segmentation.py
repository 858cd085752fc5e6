"""Semantic segmentation: train, deploy, transform. Run it: sagewright exec -- python semantic_segmentation.py"""

import io

import boto3
import numpy as np
import sagemaker
from PIL import Image
from sagemaker.deserializers import BytesDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import IdentitySerializer

session = sagemaker.Session()
bucket, s3 = session.default_bucket(), boto3.client("s3")
random = np.random.default_rng(0)


def png(pixels: np.ndarray) -> bytes:
    """An image (h, w, 3) or a mask (h, w) uint8 as a file."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def classes(content: bytes) -> np.ndarray:
    """The classes (h, w) of a mask that was answered."""
    return np.asarray(Image.open(io.BytesIO(content)))


def scene() -> tuple[np.ndarray, np.ndarray]:
    """An image of a red and a blue box on grey, and its mask: 1 red, 2 blue, else 0."""
    image, mask = np.repeat(random.integers(90, 160, (32, 40, 1)), 3, axis=2), np.zeros((32, 40), np.uint8)
    for label, channel in ((1, 0), (2, 2)):
        top, left = random.integers(0, 16), random.integers(0, 10) + 20 * (label - 1)
        box = (slice(top, top + 14), slice(left, left + 12))
        image[box] = np.eye(3)[channel] * 210 + 20
        mask[box] = label
    return image.astype(np.uint8), mask


scenes = [scene() for _ in range(40)]
for number, (image, mask) in enumerate(scenes):
    channel = "train" if number < 30 else "validation"
    s3.put_object(Bucket=bucket, Key=f"boxes/{channel}/{number}.png", Body=png(image))
    s3.put_object(Bucket=bucket, Key=f"boxes/{channel}_annotation/{number}.png", Body=png(mask))

estimator = Estimator(
    sagemaker.image_uris.retrieve("semantic-segmentation", session.boto_region_name),
    sagemaker.get_execution_role(),
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/boxes/output",
    hyperparameters={
        "num_classes": 3,
        "num_training_samples": 30,
        "algorithm": "deeplab",
        "base_size": 96,
        "crop_size": 96,
        "mini_batch_size": 8,
        "epochs": 12,
        "optimizer": "adam",
        "learning_rate": 0.01,
        "_width": 4,  # a sixteenth of the channels: quick enough for a CPU
    },
)
names = ("train", "validation", "train_annotation", "validation_annotation")
estimator.fit({name: TrainingInput(f"s3://{bucket}/boxes/{name}", content_type="image/png") for name in names})

predictor = estimator.deploy(
    1, "ml.m5.large", serializer=IdentitySerializer("image/png"), deserializer=BytesDeserializer(accept="image/png")
)
answers = [classes(predictor.predict(png(image))) for image, _ in scenes[30:]]
right = float(np.mean([answer == mask for answer, (_, mask) in zip(answers, scenes[30:], strict=True)]))
print(f"{right:.3f} of the pixels right")
predictor.delete_endpoint()

transformer = estimator.transformer(1, "ml.m5.large", accept="image/png")
transformer.transform(f"s3://{bucket}/boxes/validation", content_type="image/png", logs=False)
prefix = transformer.output_path.removeprefix(f"s3://{bucket}/")
transformed = [
    classes(s3.get_object(Bucket=bucket, Key=f"{prefix}/{number}.png.out")["Body"].read()) for number in range(30, 40)
]
print(f"{len(transformed)} transformed")

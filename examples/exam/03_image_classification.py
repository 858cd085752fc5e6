"""Classify images into categories: Image Classification.

Run it: sagewright examples run image_classification
"""

import datasets
import numpy as np
import result
import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import IdentitySerializer

session = sagemaker.Session()
bucket = session.default_bucket()
files, later = datasets.digit_images(train=1200)
datasets.put(bucket, {f"exam/digits/{name}/{name}.rec": body for name, body in files.items()})

estimator = Estimator(
    sagemaker.image_uris.retrieve("image-classification", session.boto_region_name),
    role=sagemaker.get_execution_role(),
    instance_type="ml.m5.large",
    instance_count=1,
    output_path=f"s3://{bucket}/exam/output",
    hyperparameters={
        "num_classes": 10, "num_training_samples": 1200, "num_layers": 20, "image_shape": "1,8,8",
        "epochs": 6, "mini_batch_size": 20, "learning_rate": 0.05,
    },
)  # fmt: skip
media = "application/x-recordio"
estimator.fit({name: TrainingInput(f"s3://{bucket}/exam/digits/{name}", content_type=media) for name in files})

predictor = estimator.deploy(
    1, "ml.m5.large", serializer=IdentitySerializer("image/png"), deserializer=JSONDeserializer()
)
right = [int(np.argmax(predictor.predict(image))) == label for image, label in later]
predictor.delete_endpoint()
page = f"jobs/{estimator.latest_training_job.name}"
result.check("share of written digits that are read right", np.mean(right), at_least=0.9, page=page)

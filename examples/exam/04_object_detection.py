"""Detect objects with bounding boxes: Object Detection.

Run it: sagewright examples run object_detection
"""

import datasets
import result
import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.serializers import IdentitySerializer

session = sagemaker.Session()
bucket = session.default_bucket()
forests = datasets.trees()
datasets.put(bucket, datasets.annotated("exam/trees", forests))

estimator = Estimator(
    sagemaker.image_uris.retrieve("object-detection", session.boto_region_name),
    role=sagemaker.get_execution_role(),
    instance_type="ml.m5.large",
    instance_count=1,
    output_path=f"s3://{bucket}/exam/output",
    hyperparameters={
        "num_classes": 1, "num_training_samples": len(forests["train"]), "base_network": "resnet-50",
        "image_shape": 300, "epochs": 18, "mini_batch_size": 8, "optimizer": "adam", "learning_rate": 0.003,
        "lr_scheduler_step": "12", "weight_decay": 0, "overlap_threshold": 0.3,
        "_width": 8,  # Sagewright's own: an eighth of the channels, quick enough for a CPU
    },
)  # fmt: skip
names = ("train", "validation", "train_annotation", "validation_annotation")
estimator.fit({name: TrainingInput(f"s3://{bucket}/exam/trees/{name}", content_type="image/png") for name in names})

predictor = estimator.deploy(
    1, "ml.m5.large", serializer=IdentitySerializer("image/png"), deserializer=JSONDeserializer()
)
answers = [predictor.predict(picture) for picture, _ in forests["validation"]]
predictor.delete_endpoint()
precision = datasets.average_precision(answers, forests["validation"], overlap=0.3)
page = f"jobs/{estimator.latest_training_job.name}"
result.check("mAP over trees, of boxes that overlap by 0.3", precision, at_least=0.3, page=page)

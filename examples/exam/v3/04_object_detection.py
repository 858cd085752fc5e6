"""Detect objects with bounding boxes: Object Detection.

Run it: sagewright examples run object_detection --sdk v3
"""

import json

import datasets
import result
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

session = Session()
bucket = session.default_bucket()
forests = datasets.trees()
datasets.put(bucket, datasets.annotated("exam/trees", forests))

image = image_uris.retrieve("object-detection", session.boto_region_name)
trainer = ModelTrainer(
    training_image=image,
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={
        "num_classes": 1, "num_training_samples": len(forests["train"]), "base_network": "resnet-50",
        "image_shape": 300, "epochs": 18, "mini_batch_size": 8, "optimizer": "adam", "learning_rate": 0.003,
        "lr_scheduler_step": "12", "weight_decay": 0, "overlap_threshold": 0.3,
        "_width": 8,  # Sagewright's own: an eighth of the channels, quick enough for a CPU
    },
    base_job_name="exam-trees",
)  # fmt: skip
names, prefix = ("train", "validation", "train_annotation", "validation_annotation"), f"s3://{bucket}/exam/trees"
trainer.train(
    [InputData(channel_name=name, data_source=f"{prefix}/{name}", content_type="image/png") for name in names]
)

job = trainer._latest_training_job
artefact = job.model_artifacts.s3_model_artifacts
builder = ModelBuilder(image_uri=image, s3_model_data_url=artefact, instance_type="ml.m5.large")
builder.build(model_name=job.training_job_name)
endpoint = builder.deploy(endpoint_name=job.training_job_name)
pictures = [picture for picture, _ in forests["validation"]]
answers = [json.loads(endpoint.invoke(body=each, content_type="image/png").body.read()) for each in pictures]
endpoint.delete()
precision = datasets.average_precision(answers, forests["validation"], overlap=0.3)
page = f"jobs/{job.training_job_name}"
result.check("mAP over trees, of boxes that overlap by 0.3", precision, at_least=0.3, page=page)

"""Detect objects with bounding boxes: Object Detection.

Run it: sagewright examples run object_detection --sdk v3
"""

import datasets
import result
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData

session = Session()
bucket = session.default_bucket()
forests = datasets.trees()
datasets.put(bucket, datasets.annotated("exam/trees", forests))

trainer = ModelTrainer(
    training_image=image_uris.retrieve("object-detection", session.boto_region_name),
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
metrics = {metric.metric_name: metric.value for metric in job.final_metric_data_list}
result.check("mAP over trees", metrics["validation:mAP"], at_least=0.25, page=f"jobs/{job.training_job_name}")

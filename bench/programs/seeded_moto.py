"""Runs in the peers' environment: moto_server with COUNT jobs in its memory: python seeded_moto.py COUNT FAILED_EVERY PORT.

The same names, in the same order of creation, and as many failures as bench/listing.py puts into our store.
"""

import sys

from moto.sagemaker.models import sagemaker_backends
from moto.server import main

ACCOUNT, REGION = "123456789012", "us-east-1"
NOT_GIVEN = (
    "hyper_parameters", "vpc_config", "checkpoint_config", "debug_hook_config", "debug_rule_configurations",
    "tensor_board_output_config", "experiment_config",
)  # fmt: skip


def seed(count: int, failed_every: int) -> None:
    backend = sagemaker_backends[ACCOUNT][REGION]
    for number in range(count):
        job = backend.create_training_job(
            training_job_name=f"job-{(number * 7919) % count:06d}",
            algorithm_specification={"TrainingImage": "image", "TrainingInputMode": "File"},
            role_arn=f"arn:aws:iam::{ACCOUNT}:role/Role",
            input_data_config=[],
            output_data_config={"S3OutputPath": "s3://bench/output"},
            resource_config={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            stopping_condition={"MaxRuntimeInSeconds": 3600},
            tags=[],
            enable_network_isolation=False,
            enable_inter_container_traffic_encryption=False,
            enable_managed_spot_training=False,
            **dict.fromkeys(NOT_GIVEN),
        )
        if number % failed_every == 0:
            job.training_job_status = "Failed"


if __name__ == "__main__":
    seed(int(sys.argv[1]), int(sys.argv[2]))
    main(["-p", sys.argv[3]])

"""Script mode with the SageMaker Python SDK v2. Run it: sagewright exec -- python pytorch_script_mode.py"""

import datasets
from sagemaker.pytorch import PyTorch

datasets.put("bucket", {"data/digits.csv": datasets.digits()})

PyTorch(
    entry_point="train.py",
    role="arn:aws:iam::000000000000:role/SageMakerExecutionRole",
    instance_type="ml.p3.2xlarge",
    instance_count=1,
    framework_version="2.0",
    py_version="py310",
    hyperparameters={"epochs": 10, "lr": 0.001},
).fit({"training": "s3://bucket/data/"})

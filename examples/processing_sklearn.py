"""A processing job with the SageMaker Python SDK v2. Run it: sagewright exec -- python processing_sklearn.py"""

import datasets
from sagemaker import get_execution_role
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.sklearn.processing import SKLearnProcessor

datasets.put("bucket", {"data/digits.csv": datasets.digits()})

processor = SKLearnProcessor(
    framework_version="1.2-1", role=get_execution_role(), instance_type="ml.m5.large", instance_count=1
)
processor.run(
    code="preprocess.py",
    inputs=[ProcessingInput(source="s3://bucket/data/", destination="/opt/ml/processing/input")],
    outputs=[
        ProcessingOutput(output_name="train", source="/opt/ml/processing/train"),
        ProcessingOutput(output_name="test", source="/opt/ml/processing/test"),
    ],
    arguments=["--test-size", "0.2"],
)
for output in processor.latest_job.outputs:
    print(f"{output.output_name} is in {output.destination}")

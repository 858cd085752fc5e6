"""A processing job with the SageMaker Python SDK v3. Run it: sagewright exec -- python processing_v3.py"""

import datasets
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import get_execution_role
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output

datasets.put("bucket", {"data/digits.csv": datasets.digits()})


def output(name: str) -> ProcessingOutput:
    target = ProcessingS3Output(
        s3_uri=f"s3://bucket/prepared/{name}", local_path=f"/opt/ml/processing/{name}", s3_upload_mode="EndOfJob"
    )
    return ProcessingOutput(output_name=name, s3_output=target)


processor = ScriptProcessor(
    image_uri=image_uris.retrieve("sklearn", "us-east-1", version="1.2-1"),
    command=["python3"],
    role=get_execution_role(),
    instance_type="ml.m5.large",
    instance_count=1,
)
processor.run(
    code="preprocess.py",
    inputs=[
        ProcessingInput(
            input_name="digits",
            s3_input=ProcessingS3Input(
                s3_uri="s3://bucket/data/",
                local_path="/opt/ml/processing/input",
                s3_data_type="S3Prefix",
                s3_input_mode="File",
            ),
        )
    ],
    outputs=[output("train"), output("test")],
    arguments=["--test-size", "0.2"],
)

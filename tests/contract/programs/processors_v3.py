"""A user's program on SDK v3: a FrameworkProcessor with requirements, a Processor, one that fails, one that is stopped."""

import sys
import time
from pathlib import Path

import boto3
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import get_execution_role
from sagemaker.core.processing import FrameworkProcessor, Processor
from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output

place = Path(sys.argv[1])
source = place / "source"
source.mkdir()
(source / "requirements.txt").write_text("humanize\n")
(source / "helper.py").write_text("FIVE = 5\n")
(source / "run.py").write_text(
    "import sys\nimport helper\nimport humanize\nprint('framework:', humanize.intcomma(1234567), sys.argv, helper.FIVE)\n"
)
where = {"role": get_execution_role(), "instance_type": "ml.m5.large", "instance_count": 1}
image = image_uris.retrieve("sklearn", "us-east-1", version="1.2-1")

framework = FrameworkProcessor(image_uri=image, command=["python3"], **where)
framework.run(code="run.py", source_dir=str(source), arguments=["--x", "a b"])


def processor(shell: str) -> Processor:
    return Processor(image_uri=image, entrypoint=["/bin/bash", "-c", shell], max_runtime_in_seconds=200, **where)


def told(job) -> str:
    job.refresh()
    return job.processing_job_status


whole = processor("printf 'all is well' > /opt/ml/output/message; echo x > /opt/ml/processing/out/x")
boto3.client("s3").create_bucket(Bucket="processors-v3")
output = ProcessingS3Output(
    s3_uri="s3://processors-v3/out", local_path="/opt/ml/processing/out", s3_upload_mode="Continuous"
)
whole.run(outputs=[ProcessingOutput(output_name="out", s3_output=output)])
print("processor:", told(whole.latest_job), whole.latest_job.exit_message)

broken = processor("printf boom > /opt/ml/output/message; exit 3")
try:
    broken.run()
except Exception:
    status, job = told(broken.latest_job), broken.latest_job
    print(f"failed: {status} {job.failure_reason}, {job.exit_message}")

long = processor("sleep 60")
long.run(wait=False, logs=False)
long.latest_job.stop()
while told(long.latest_job) in {"InProgress", "Stopping"}:
    time.sleep(0.1)
print("stopped:", told(long.latest_job))

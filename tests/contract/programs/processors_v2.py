"""A user's program on SDK v2: a FrameworkProcessor with requirements, a Processor, one that fails, one that is stopped."""

import sys
import time
from pathlib import Path

from sagemaker import get_execution_role, image_uris
from sagemaker.exceptions import UnexpectedStatusException
from sagemaker.processing import FrameworkProcessor, ProcessingOutput, Processor
from sagemaker.sklearn.estimator import SKLearn

place = Path(sys.argv[1])
source = place / "source"
source.mkdir()
(source / "requirements.txt").write_text("humanize\n")
(source / "helper.py").write_text("FIVE = 5\n")
(source / "run.py").write_text(
    "import sys\nimport helper\nimport humanize\nprint('framework:', humanize.intcomma(1234567), sys.argv, helper.FIVE)\n"
)
where = {"role": get_execution_role(), "instance_type": "ml.m5.large", "instance_count": 1}

framework = FrameworkProcessor(estimator_cls=SKLearn, framework_version="1.2-1", **where)
framework.run(code="run.py", source_dir=str(source), arguments=["--x", "a b"])

image = image_uris.retrieve("sklearn", "us-east-1", version="1.2-1")


def processor(shell: str) -> Processor:
    return Processor(image_uri=image, entrypoint=["/bin/bash", "-c", shell], max_runtime_in_seconds=200, **where)


whole = processor("printf 'all is well' > /opt/ml/output/message; echo x > /opt/ml/processing/out/x")
whole.run(outputs=[ProcessingOutput(source="/opt/ml/processing/out", s3_upload_mode="Continuous")])
described = whole.latest_job.describe()
print("processor:", described["ProcessingJobStatus"], described["ExitMessage"])

broken = processor("printf boom > /opt/ml/output/message; exit 3")
try:
    broken.run()
except UnexpectedStatusException:
    described = broken.latest_job.describe()
    print(f"failed: {described['ProcessingJobStatus']} {described['FailureReason']}, {described['ExitMessage']}")

long = processor("sleep 60")
long.run(wait=False, logs=False)
long.latest_job.stop()
while long.latest_job.describe()["ProcessingJobStatus"] in {"InProgress", "Stopping"}:
    time.sleep(0.1)
print("stopped:", long.latest_job.describe()["ProcessingJobStatus"])

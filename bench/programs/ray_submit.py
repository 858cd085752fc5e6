"""Runs in the peers' environment: python ray_submit.py ADDRESS SCRIPT COUNT; seconds as JSON."""

import json
import sys
import time

from ray.job_submission import JobStatus, JobSubmissionClient

ENDED = {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.STOPPED}


def one(client: JobSubmissionClient, script: str) -> dict[str, float]:
    begin = time.time_ns()
    job = client.submit_job(entrypoint=f"{sys.executable} {script}")
    while client.get_job_status(job) not in ENDED:
        time.sleep(0.05)
    end = time.time_ns()
    stamps = [line for line in client.get_job_logs(job).splitlines() if line.isdigit()]
    return {"first": (int(stamps[0]) - begin) / 1e9, "end": (end - begin) / 1e9}


def main(address: str, script: str, count: int) -> None:
    client = JobSubmissionClient(address)
    one(client, script)
    print(json.dumps([one(client, script) for _ in range(count)]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

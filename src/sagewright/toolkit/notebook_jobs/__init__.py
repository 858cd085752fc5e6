"""Notebook jobs: a notebook runs whole, with parameters, as a training job, at once or by a schedule.

`requests` makes the request of a job, `crontabs` the expression of a schedule, `service` asks the server by boto3, `outputs` reads
what a job has written. `scheduler` is the backend of JupyterLab's extension jupyter-scheduler, and `descriptions` its models. Runs
inside apps, and in the command.
"""

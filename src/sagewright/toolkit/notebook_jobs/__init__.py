"""Notebook jobs: a notebook runs whole, with parameters, as a training job, at once or by a schedule.

`requests` builds the request of a job, `crontabs` the expression of a schedule, `service` calls the server with boto3,
`outputs` reads a job's output. `scheduler` is the backend of JupyterLab's extension jupyter-scheduler, and `descriptions` its
models. Runs inside apps, and in the command.
"""

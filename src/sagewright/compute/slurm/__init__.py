"""Hosts on the nodes of a Slurm cluster.

`backend` submits a gang as one job and reads the state of all jobs by one call of `squeue` (`commands`). The job's batch script is
`gang`, which starts `host` on each node as a step, and keeps their states in the job's comment. `host` starts the agent there.
"""

"""Runs of jobs: queue, reservations, leases, launches, host reports, retries, and the end of each job.

Every kind of job takes this path; differences between kinds are declared in `kinds`. Among the engine's other packages it imports
only `monitoring`, which counts the log lines that match a metric filter.
"""

"""Runs of jobs: queue, reservations, leases, launches, hosts' reports, retries, and the end of each job.

Every kind of job goes this way; its differences are declared in `kinds`. Of the engine's other wings it imports only
`monitoring`, which counts the log lines that match a metric filter.
"""

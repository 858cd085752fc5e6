"""Endpoints: fleets, instances, rollouts, inference components, serverless and asynchronous invocations, tracking servers.

Each container of an instance is a job, so this wing builds on `engine.jobs`, and on no other wing.
"""

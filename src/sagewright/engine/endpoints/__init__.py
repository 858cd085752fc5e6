"""Endpoints: fleets, instances, rollouts, inference components, serverless and asynchronous invocations, tracking servers.

Each container of an instance is a job, so this package builds on `engine.jobs`, and on no other package of the engine.
"""

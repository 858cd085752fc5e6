"""Events: rules and their targets, schedules, deployments that follow the registry, moves of messages between queues.

Reads the store's event log, and delivers by operations through `engine.calls` or by HTTP. Imports `engine.pipelines`, whose records
describe the steps that events report.
"""

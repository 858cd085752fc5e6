"""Pipeline executions: one pass brings an execution forward, and `steps` does what each type of step asks for.

The language of definitions is the package `sagewright.pipelines`. This wing imports no other wing: jobs are started by
operations, through `engine.calls`.
"""

"""Pipeline executions: a pass advances an execution, and `steps` implements each type of step.

The language of definitions is the package `sagewright.pipelines`. This package imports no other package of the engine: jobs are
started by operations, through `engine.calls`.
"""

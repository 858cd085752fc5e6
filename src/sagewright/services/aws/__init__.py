"""AWS's services besides SageMaker: the parts that jobs, pipelines, endpoints and their users need.

A service imports the engine and the layers below, `services.context`, `services.registry` and `services.paging`, and the shared
modules of this folder; never another service's modules.
"""

"""AWS's services besides SageMaker, each as far as jobs, pipelines, endpoints and their users need it.

A service imports the engine and the layers below, `services.context`, `services.registry` and `services.paging`, and the shared
modules of this folder; never another service's modules.
"""

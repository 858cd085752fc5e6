"""AWS's services beside SageMaker, each as far as jobs, pipelines, endpoints and their users need it.

A service imports the engine and the layers below, `services.context`, `services.registry` and `services.paging`, and the modules of
this folder that several share; never another service's modules.
"""

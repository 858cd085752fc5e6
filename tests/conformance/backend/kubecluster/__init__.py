"""A stand-in for a Kubernetes cluster of two nodes: an API server, its controllers, and a kubelet that really runs the pods.

It knows only what the backend uses, and refuses what the published schema, the API server's own checks or the RBAC manifest of the
docs refuse. `state` holds the resources; `validation` refuses; `apiserver` answers HTTP; `controllers` make, place and end pods;
the `kubelet` runs each in a network, a process and a mount namespace of its own; `cluster` is all of it.
"""

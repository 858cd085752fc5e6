"""The backend `kubernetes`: a gang is one Indexed Job, and each of its hosts is a pod.

The server uses `backend`, `manifests`, `pods`, `api` and `credentials`; pods run `host`.
"""

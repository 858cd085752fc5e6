"""Rights of principals, and the decision of each request.

`principals` names the owner and reads ARNs; `kinds`, `managed` and `rights` collect the policies of a caller; `modes`
says whether they are enforced; `subjects` maps a request to an action and resources, `contexts` gives the values of
condition keys, `targets` the resources that a service will reach because of it. `authorizer` decides operations,
`assuming` AssumeRole, `questions` requests that are no operations. Imports the store and `sagewright.policies`; IAM's
operations, S3 and the wire import it.
"""

"""Sign-in to Studio by an OpenID Connect provider.

`provider` reads the provider's metadata and keys, `tokens` exchanges a code and checks the ID token, `people` finds the user that
its claims stand for, `oidc` joins these for Studio.
"""

"""AWS KMS: keys of all kinds, their aliases and grants, encryption and signing."""

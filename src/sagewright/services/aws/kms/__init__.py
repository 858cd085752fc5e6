"""AWS KMS: keys of all kinds, their aliases and grants, what they encrypt and sign."""

"""Apps of Studio and notebook instances. Imports jobs and below."""

"""Kinds of work: what a request demands, what its hosts are told, how its end is said. AWS's member names end here."""

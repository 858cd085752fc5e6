"""Kinds of work: a request's demand, the briefs of its hosts, and the wording of its end. AWS's member names end here."""

"""Use cases: each one lists, decides, acts, records and announces."""

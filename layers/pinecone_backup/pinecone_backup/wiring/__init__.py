"""The composition root: what the functions' handlers need, built once per process.

Only handlers import it, and it alone knows which adapter serves which port. ``projects`` wires
the functions that speak to Pinecone, ``notify`` the one that does not: apart, so that notify
starts without Pinecone's client, the policy and the rules.
"""

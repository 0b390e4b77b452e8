"""Pinecone's control plane: the client, how it calls, and what its JSON means."""

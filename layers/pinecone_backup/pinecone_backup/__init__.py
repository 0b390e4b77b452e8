"""Pinecone Backup: rules, use cases and adapters shared by the five functions."""

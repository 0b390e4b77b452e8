"""The command line of Pinecone Backup: a client of its API, like any other."""

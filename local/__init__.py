"""The local stack: what runs on a developer's machine in place of AWS and Pinecone."""

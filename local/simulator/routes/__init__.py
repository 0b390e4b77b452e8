"""The HTTP face of the simulated Pinecone: a thin layer over ``Project`` and ``DataPlane``."""

"""The REST API over the use cases: people and programs, IAM-signed, under ``/v1``."""

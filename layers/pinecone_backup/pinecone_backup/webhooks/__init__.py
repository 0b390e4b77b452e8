"""Webhooks: who is told (targets), what (messages), in whose format, and how it is sent."""

"""Webhooks: who gets a message (targets), what it says, in which provider's format. No I/O."""

"""Adapters: each hides one outside system and raises only errors of ``errors.py``."""

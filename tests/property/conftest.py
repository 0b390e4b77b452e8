"""Laws that hold for every input. Reproducible by default; a slow machine fails nothing."""

from hypothesis import settings

settings.register_profile("laws", deadline=None, derandomize=True, max_examples=150)
settings.load_profile("laws")

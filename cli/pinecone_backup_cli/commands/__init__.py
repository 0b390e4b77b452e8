"""The commands, by what they are about: each asks, and says how the answer looks."""

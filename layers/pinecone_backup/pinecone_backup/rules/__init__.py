"""Pure rules: plain values and ``now`` in, decisions out; no I/O, no clock, no AWS."""

"""A simulated Pinecone: indexes with contents, backups and restores, and a clock one can move."""

from local.simulator.damages import Damage, Harm
from local.simulator.faults import Call, Fault
from local.simulator.schema import vector_fields
from local.simulator.server import serve, serve_simulator
from local.simulator.simulator import DEFAULT_KEY, Simulator
from local.simulator.state import Behaviour, Kind, Outcome, Result

__all__ = [
    "DEFAULT_KEY",
    "Behaviour",
    "Call",
    "Damage",
    "Fault",
    "Harm",
    "Kind",
    "Outcome",
    "Result",
    "Simulator",
    "serve",
    "serve_simulator",
    "vector_fields",
]

"""A simulated Pinecone: the control plane's backup operations, with a clock one can move."""

from local.simulator.faults import Call, Fault
from local.simulator.project import vector_fields
from local.simulator.server import serve, serve_simulator
from local.simulator.simulator import DEFAULT_KEY, Simulator
from local.simulator.state import Behaviour, Kind, Outcome, Result

__all__ = [
    "DEFAULT_KEY",
    "Behaviour",
    "Call",
    "Fault",
    "Kind",
    "Outcome",
    "Result",
    "Simulator",
    "serve",
    "serve_simulator",
    "vector_fields",
]

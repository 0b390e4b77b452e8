"""``python -m local.simulator``: the simulated Pinecone on a port of this machine."""

from __future__ import annotations

import argparse
from datetime import datetime

import uvicorn

from local.simulator.app import create_app
from local.simulator.demo import seed_demo
from local.simulator.server import server_config
from local.simulator.simulator import DEFAULT_KEY, Simulator


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m local.simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--host", default="127.0.0.1", help="where to listen")
    parser.add_argument("--seed", choices=("demo", "empty"), default="demo")
    parser.add_argument("--now", type=datetime.fromisoformat, help="start at this time (ISO 8601)")
    parser.add_argument("--frozen", action="store_true", help="let the clock stand still")
    options = parser.parse_args()
    simulator = Simulator(options.now, frozen=options.frozen)
    if options.seed == "demo":
        seed_demo(simulator)
    print(f"Simulated Pinecone on http://{options.host}:{options.port} (API key {DEFAULT_KEY!r})")
    print(f"Its OpenAPI page: http://{options.host}:{options.port}/docs", flush=True)
    app = create_app(simulator)
    config = server_config(app, host=options.host, port=options.port, access_log=True)
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()

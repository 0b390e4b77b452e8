"""``make sam-local``: let functions that ``sam local`` runs in Docker reach the local stack.

``make up`` listens on loopback, which a container does not reach. This writes ``.run/env.json``
for ``sam local ... --env-vars``, with the variables of the deployed functions and an address of
this machine that containers do reach, and forwards that address to loopback until interrupted.
With Docker Desktop, whose own address does that already, there is nothing to forward.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import json
import sys
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from local.build import FUNCTIONS, host_architecture
from local.emulator import RUN, root_session
from local.up import STACK, Up

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from local.emulator import LocalSession

LOOPBACK = "127.0.0.1"
ENVIRONMENT = RUN / "env.json"
_CHUNK = 65_536


def environments(session: LocalSession, stack_name: str, host: str) -> dict[str, dict[str, str]]:
    """The variables of each deployed function, as ``--env-vars`` wants them.

    Args:
        session: Of the account where the stack is deployed.
        stack_name: The stack.
        host: What stands for loopback in them.
    """
    formation, functions = session.client("cloudformation"), session.client("lambda")
    variables = {}
    for name in FUNCTIONS:
        resource = formation.describe_stack_resource(StackName=stack_name, LogicalResourceId=name)
        deployed = resource["StackResourceDetail"]["PhysicalResourceId"]
        configuration = functions.get_function_configuration(FunctionName=deployed)
        variables[name] = {
            key: value.replace(LOOPBACK, host)
            for key, value in configuration["Environment"]["Variables"].items()
        }
    return variables


def ports(variables: Mapping[str, Mapping[str, str]]) -> list[int]:
    """The ports of this machine that the functions speak to."""
    addresses = [
        value if value.startswith("http://") else f"http://{value}"
        for own in variables.values()
        for key, value in own.items()
        if value.startswith("http://") or (key == "INSECURE_WEBHOOK_HOSTS" and value)
    ]
    return sorted({port for address in addresses if (port := urlsplit(address).port)})


async def forward(host: str, to_ports: Iterable[int]) -> list[asyncio.Server]:
    """Start to pass every connection to a port of ``host`` on to loopback.

    Raises:
        OSError: ``host`` is no address of this machine, or a port is taken.
    """
    return [
        await asyncio.start_server(partial(_pass_on, port), host=host, port=port)
        for port in to_ports
    ]


async def _forward_for_ever(host: str, to_ports: Iterable[int]) -> None:
    servers = await forward(host, to_ports)
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def _pass_on(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        answers, questions = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        writer.close()
        return
    await asyncio.gather(_pump(reader, questions), _pump(answers, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


def main() -> int:
    """Write the file and forward until interrupted."""
    parser = argparse.ArgumentParser(prog="make sam-local", description=__doc__)
    parser.add_argument("--host", default="172.17.0.1", help="the address that containers reach")
    options = parser.parse_args()
    up = Up.find()
    if up is None:
        print("The local stack is not up: run `make up` first.", file=sys.stderr)
        return 1
    variables = environments(root_session(up.emulator), STACK, options.host)
    ENVIRONMENT.write_text(json.dumps(variables, indent=2) + "\n")
    print(f"Wrote .run/{ENVIRONMENT.name}. In another terminal:")
    print(f"  make sam-build ARCH={host_architecture()}")
    print("  source .run/up.env")
    print("  .venv-sam/bin/sam local invoke CreateFunction -e events/create-direct.json \\")
    print(f"    --env-vars .run/{ENVIRONMENT.name}", flush=True)
    try:
        asyncio.run(_forward_for_ever(options.host, ports(variables)))
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            print(f"{options.host} is not an address of this machine: nothing to forward.")
            return 0
        print(f"Cannot listen on {options.host}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())

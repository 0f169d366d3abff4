"""A broker in this process, for the demonstration: amqtt on a free port."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Iterator

from edge_agent.domain.errors import BrokerError, MissingDependencyError

START_TIMEOUT_S = 15.0


@contextlib.contextmanager
def embedded_broker(host: str) -> Iterator[int]:
    """Run a broker until the block ends; gives its port.

    Raises MissingDependencyError where amqtt is not installed, BrokerError where it cannot start.
    """
    try:
        from amqtt.broker import Broker
    except ImportError:
        raise MissingDependencyError(
            "the embedded broker needs amqtt: pip install 'edge-agent[demo]', or name a broker "
            "with --broker"
        ) from None
    logging.getLogger("amqtt").setLevel(logging.ERROR)
    logging.getLogger("transitions").setLevel(logging.ERROR)
    port = _free_port(host)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="embedded broker", daemon=True)
    thread.start()
    configuration = {
        "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }

    async def start() -> Broker:
        broker = Broker(configuration)
        await broker.start()
        return broker

    try:
        broker = asyncio.run_coroutine_threadsafe(start(), loop).result(START_TIMEOUT_S)
    except Exception as error:  # whatever a broker that is not ours may raise: it did not start
        raise BrokerError(f"the embedded broker does not start: {error}") from error
    try:
        yield port
    finally:
        with contextlib.suppress(Exception):
            asyncio.run_coroutine_threadsafe(broker.shutdown(), loop).result(START_TIMEOUT_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(START_TIMEOUT_S)


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])

"""A connection that was reset is a Kafka error, whatever the event loop makes of it."""

import asyncio
import socket

import pytest
import uvloop
from aiokafka.conn import READER_LIMIT, AIOKafkaConnection, AIOKafkaProtocol
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.admin import ApiVersionRequest


async def send_until_it_is_noticed() -> list[BaseException]:
    """Send on a connection whose other end is gone with a reset, turn after turn of the loop."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    connection = AIOKafkaConnection("nowhere", 1, request_timeout_ms=3000)
    connection._closed_fut = loop.create_future()
    reader = asyncio.StreamReader(limit=READER_LIMIT, loop=loop)
    protocol = AIOKafkaProtocol(connection._closed_fut, reader, loop=loop)
    transport, _ = await loop.create_unix_connection(lambda: protocol, sock=ours)
    connection._reader, connection._protocol = reader, protocol
    connection._writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    connection._read_task = connection._create_reader_task()
    answers = [asyncio.ensure_future(connection.send(ApiVersionRequest()))]
    await asyncio.sleep(0.01)
    theirs.close()  # with what it has not read: a reset
    errors: list[BaseException] = []
    while connection.connected():
        try:
            answers.append(asyncio.ensure_future(connection.send(ApiVersionRequest())))
        except Exception as error:  # noqa: BLE001 - looked at by the test
            errors.append(error)
        await asyncio.sleep(0)
    return errors + [error for error in await asyncio.gather(*answers, return_exceptions=True) if error is not None]


@pytest.mark.parametrize("run", [uvloop.run, asyncio.run])
def test_a_reset_is_a_kafka_error(run: object) -> None:
    """Uvloop says RuntimeError between the reset and the moment when aiokafka hears of it."""
    errors = run(send_until_it_is_noticed())  # type: ignore[operator]
    assert errors
    assert {type(error) for error in errors} == {KafkaConnectionError}

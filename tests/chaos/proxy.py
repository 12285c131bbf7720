"""A TCP proxy between the workers and a server: cuts, delays, stalls and refuses connections.

`python -m tests.chaos.proxy <port>:<target> ...` runs as a process of its own and takes orders on its standard input:
`cut <port>`, `delay <port> <seconds>`, `stall <port>`, `refuse <port>`, `heal <port>`. It ends when that input does.
"""

import asyncio
import contextlib
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

CHUNK_BYTES = 65_536


@dataclass
class Link:
    """One listening port and the server behind it."""

    port: int
    target: int
    delay_seconds: float = 0
    refuses: bool = False
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    open: set[asyncio.StreamWriter] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self) -> None:
        self.flowing.set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        await server.serve_forever()

    def obey(self, what: str, seconds: float) -> None:
        match what:
            case "cut":
                self._cut()
            case "delay":
                self.delay_seconds = seconds
            case "stall":
                self.flowing.clear()
            case "refuse":
                self.refuses = True
                self._cut()
            case _:
                self.delay_seconds, self.refuses = 0, False
                self.flowing.set()

    def _cut(self) -> None:
        for writer in list(self.open):
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self.open |= {writer, far_writer}
        pumps = {
            asyncio.ensure_future(self._pump(reader, far_writer)),
            asyncio.ensure_future(self._pump(far_reader, writer)),
        }
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            for end in (writer, far_writer):
                self.open.discard(end)
                end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while data := await reader.read(CHUNK_BYTES):
                await self.flowing.wait()
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                writer.write(data)
                await writer.drain()


async def main(links: dict[int, Link]) -> None:
    serving = [asyncio.ensure_future(link.serve()) for link in links.values()]
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        what, port, *rest = line.split()
        links[int(port)].obey(what, float(rest[0]) if rest else 0)
    for task in serving:
        task.cancel()


class Proxy:
    """The proxy's process, for who gives the orders."""

    def __init__(self, links: dict[int, int]) -> None:
        arguments = [f"{port}:{target}" for port, target in links.items()]
        root = Path(__file__).resolve().parents[2]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.proxy", *arguments], stdin=subprocess.PIPE, text=True, cwd=root
        )

    def order(self, what: str, port: int, seconds: float = 0) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{what} {port} {seconds}\n")
        self.process.stdin.flush()

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


if __name__ == "__main__":
    pairs = [tuple(map(int, argument.split(":"))) for argument in sys.argv[1:]]
    uvloop.run(main({port: Link(port, target) for port, target in pairs}))

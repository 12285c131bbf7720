"""`python -m worker.servers up | down | fetch`: servers that stay, for working by hand."""

import sys
from pathlib import Path

from worker.servers import containers
from worker.servers.kafka import LocalKafka, jars, java
from worker.servers.mongo import LocalMongo, mongod
from worker.servers.process import ServersUnavailableError
from worker.servers.running import servers_of_environment, start_both

DIRECTORY = Path(".local") / "servers"
SECRET = "only for servers of make up, on loopback"  # noqa: S105 - it protects nothing
"""Their data is worth no better one. PARTNERSHIP_SECRET of the environment goes before it."""


def main(arguments: list[str]) -> int:
    """Do the one thing asked for; what goes wrong is one line on stderr."""
    try:
        match arguments:
            case ["up"]:
                up()
            case ["down"]:
                down()
            case ["fetch"]:
                fetch()
            case _:
                say("usage: python -m worker.servers up | down | fetch")
                return 2
    except ServersUnavailableError as error:
        say(f"error: {error}")
        return 1
    return 0


def up() -> None:
    """Start both, or find them running; on stdout only what a shell may evaluate."""
    kafka, mongo = _both()
    start_both(kafka, mongo, say)
    print(f"export KAFKA_BOOTSTRAP='{kafka.bootstrap}'")
    print(f"export MONGO_URL='{mongo.url}'")
    print(f'export PARTNERSHIP_SECRET="${{PARTNERSHIP_SECRET:-{SECRET}}}"')


def down() -> None:
    """Stop those that `up` started. Their data stays in the directory."""
    for server in _both():
        if server.pid is None:
            say(f"{server.name} is not running")
        else:
            say(f"stopping {server.name}, process {server.pid}")
            server.stop()


def fetch() -> None:
    """Get what the tests will need, images and downloads, where progress can be seen and no test's time-out runs.

    Those that kill servers have local ones whatever else there is; where there can be none, they say so.
    """
    others = servers_of_environment() is not None or containers.are_to_be_had(say)
    try:
        mongod()
        java()
        jars(say)
    except ServersUnavailableError as error:
        if not others:
            raise
        say(f"without servers of this machine, for the tests that kill them: {error}")


def say(line: str) -> None:
    """To a person."""
    print(line, file=sys.stderr, flush=True)


def _both() -> tuple[LocalKafka, LocalMongo]:
    return (
        LocalKafka(DIRECTORY / "kafka", outlives=True, progress=say),
        LocalMongo(DIRECTORY / "mongo", outlives=True, progress=say),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

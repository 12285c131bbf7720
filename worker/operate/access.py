"""What an operator's functions work with: settings, MongoDB, Kafka, the secret; each only where it is needed."""

from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError, for_code

from contracts.topics import TopicName
from worker.kafka import cause_of, client_options, make_producer, make_reader, start_client, stop_client
from worker.mongo.client import Client, awaited, connect
from worker.mongo.secret_in_use import SecretInUse
from worker.operate.errors import CannotOperate, NeedsSettings
from worker.secrets import Secrets
from worker.settings import Settings
from worker.tolerant import read_tolerantly

ANSWER_SECONDS_MAX = 1800.0
"""For one answer of MongoDB: `verify` has it sort what a whole journal says, which took years to write."""


@dataclass(frozen=True, slots=True)
class Access:
    """A deployment in an operator's hands. Made by `access`."""

    settings: Settings
    client: Client

    @property
    def db(self) -> Any:
        """The deployment's database."""
        return self.client[self.settings.mongo_database]

    @property
    def has_secret(self) -> bool:
        """Whether the server's secret was given."""
        return "secret" not in self.settings.missing

    @property
    def secrets(self) -> Secrets:
        """HMACs under the server's secret. Raises NeedsSettings without it."""
        self._need("secret", "PARTNERSHIP_SECRET")
        return Secrets.of(self.settings)

    async def workers_secret(self) -> str:
        """The id of the secret that all workers believe. Raises NeedsSettings where it is not known here."""
        secrets = self.secrets
        in_use = await SecretInUse(self.client, self.settings.mongo_database, secrets).id()
        if in_use is not None and not secrets.accepts(in_use):
            raise NeedsSettings("PARTNERSHIP_SECRET is not the workers': they would not believe an order. Set theirs.")
        return in_use or secrets.id

    @asynccontextmanager
    async def reader(self, isolation: str = "read_committed") -> AsyncIterator[AIOKafkaConsumer]:
        """A started consumer without a group; it commits nothing."""
        self._need("kafka_bootstrap", "KAFKA_BOOTSTRAP")
        reader = make_reader(self.settings, isolation)
        try:
            await self._start(reader)
            yield reader
        finally:
            await stop_client(reader)

    @asynccontextmanager
    async def producer(self) -> AsyncIterator[AIOKafkaProducer]:
        """A started idempotent producer."""
        self._need("kafka_bootstrap", "KAFKA_BOOTSTRAP")
        producer = make_producer(self.settings)
        try:
            await self._start(producer)
            yield producer
        finally:
            await stop_client(producer)

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        """A started admin client."""
        self._need("kafka_bootstrap", "KAFKA_BOOTSTRAP")
        admin = AIOKafkaAdminClient(**client_options(self.settings))
        try:
            await self._start(admin)
            yield admin
        finally:
            await admin.close()

    async def partition_counts(self, topics: Collection[TopicName]) -> dict[TopicName, int]:
        """How many partitions these topics have.

        Raises:
            CannotOperate: one is not there.
            TopicAuthorizationFailedError: this user may not see all of them.
        """
        names = {self.settings.topic(topic): topic for topic in topics}
        async with self.admin() as admin:
            described = await admin.describe_topics(list(names))
        need_to_see(names, described)
        for topic in described:
            if topic["error_code"]:
                error = for_code(topic["error_code"]).__name__
                raise CannotOperate(
                    f"The topic {topic['topic']} cannot be read ({error}): is PARTNERSHIP_TOPIC_PREFIX right, and did "
                    "a worker ever start here?"
                )
        return {names[topic["topic"]]: len(topic["partitions"]) for topic in described}

    async def _start(self, client: AIOKafkaConsumer | AIOKafkaProducer | AIOKafkaAdminClient) -> None:
        """Raises what is in the way of a connection: an operator has to know whether it is the password."""
        try:
            await start_client(client)
        except KafkaConnectionError as error:
            raise await cause_of(error, self.settings) from error

    def _need(self, name: str, variable: str) -> None:
        if name in self.settings.missing:
            raise NeedsSettings(f"{variable} is needed for this: set it in the environment, as the worker has it.")


def need_to_see(names: Collection[str], described: Iterable[dict[str, Any]]) -> None:
    """By Kafka's description of topics: may this user see all of these? Else nobody knows whether they are there.

    Raises:
        TopicAuthorizationFailedError: with those that it may not see.
    """
    denied = TopicAuthorizationFailedError.errno
    hidden = {topic["topic"] for topic in described if topic["error_code"] == denied}.intersection(names)
    if hidden:
        raise TopicAuthorizationFailedError(hidden)


@asynccontextmanager
async def access(settings: Settings) -> AsyncIterator[Access]:
    """Connect to a deployment. Nothing is asked of a server before a function asks it."""
    read_tolerantly()
    url = settings.mongo_url.get_secret_value()
    client = connect(url, settings.request_timeout_seconds, settings.mongo_driver, ANSWER_SECONDS_MAX)
    try:
        yield Access(settings, client)
    finally:
        await awaited(client.close())

"""Every setting, with its unit and what goes wrong without it; read and checked before anything starts."""

import difflib
import os
from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    Field,
    FilePath,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from pymongo.errors import ConfigurationError, InvalidURI
from pymongo.uri_parser import parse_uri

from contracts.topics import TopicName

ENV_PREFIX = "PARTNERSHIP_"
HEARTBEAT_SECONDS_MAX = 3.0
SECRET_CHARACTERS_MIN = 32


STAND_INS = {"kafka_bootstrap": "not-set.invalid:9092", "secret": "this is not set " * 2}
"""For settings that an operator's command may do without; `Settings.missing` names those that are."""


class SettingsError(Exception):
    """A setting is missing or wrong; the text says which one and why."""


class Settings(BaseSettings):
    """The environment variables `PARTNERSHIP_<NAME>`; KAFKA_BOOTSTRAP and MONGO_URL also without the prefix."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="forbid", populate_by_name=True)

    kafka_bootstrap: Annotated[
        str,
        Field(
            min_length=3,
            pattern=r"^[^,\s]+:\d+(,[^,\s]+:\d+)*$",
            validation_alias=AliasChoices("KAFKA_BOOTSTRAP", f"{ENV_PREFIX}KAFKA_BOOTSTRAP"),
        ),
    ]
    """host:port of one or more brokers, separated by commas."""

    mongo_url: Annotated[SecretStr, Field(validation_alias=AliasChoices("MONGO_URL", f"{ENV_PREFIX}MONGO_URL"))]
    """URL of a replica set: on a lone mongod there are no transactions, and nothing could be decided once."""

    mongo_database: Annotated[str, Field(min_length=1, max_length=38, pattern=r"^[\w-]+$")] = "partnerships"
    """Its own for each deployment; the name is fixed for life with what is in it."""

    mongo_driver: Literal["pymongo", "motor"] = "pymongo"
    """PyMongo's asynchronous API, or Motor (extra `motor`), which its makers have retired."""

    secret: SecretStr
    """At least 32 characters. Invitation tokens and the worker's own commands are signed with it: who knows it can open
    every invitation. One for all workers: MongoDB has its id, and a worker with another one refuses to start."""

    second_secret: SecretStr | None = None
    """Accepted beside the first one while that is changed: first the next one, then the former (docs/operating.md)."""

    group: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\w.-]+$")] = "partnership-worker"
    """Consumer group and prefix of the transactional ids. Two deployments with one name would fence each other."""

    topic_prefix: Annotated[str, Field(max_length=64, pattern=r"^[\w.-]*$")] = ""
    """Put before every topic name, so that several deployments can share a cluster."""

    lanes: Annotated[int, Field(ge=1, le=1024)] = 12
    """Number of lanes, for life: it is written in MongoDB at the first start, and another number is refused later,
    because a partner's commands would then be decided in two lanes at once."""

    topic_partitions: Annotated[int, Field(ge=1, le=1024)] = 12
    """Partitions of the other topics that the worker creates. What exists already is left as it is."""

    replication_factor: Annotated[int, Field(ge=1, le=10)] = 1
    """Of topics that the worker creates. With 1, a lost disk loses events: use 3 and min.insync.replicas 2."""

    kafka_compression: Literal["zstd", "lz4", "snappy", "gzip", "none"] = "zstd"
    """Of all that workers write to topics: a batch of events has a tenth of the bytes, and everybody less to move. A
    consumer whose library cannot read it fails; `none` takes as much of Kafka's disk and network as events have."""

    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """As the brokers' listener has it; with another one the worker waits for Kafka, and its log says so."""
    kafka_ca_file: FilePath | None = None
    """PEM file with the authority that signed the brokers' certificates; the system's authorities without it."""
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """As the brokers have the user; only with a SASL protocol."""
    kafka_username: str | None = None
    """Needed with a SASL protocol. Which rights it must have: docs/deploying.md."""
    kafka_password: SecretStr | None = None
    """Needed with a SASL protocol."""

    batch_records_max: Annotated[int, Field(ge=1, le=5000)] = 500
    """Records in one store. A Kafka transaction costs the same whatever it holds, so small batches are slow; a
    MongoDB transaction of many seconds would be aborted, so large ones stop everything."""

    batch_bytes_max: Annotated[int, Field(ge=2_097_152, le=33_554_432)] = 4_194_304
    """Bytes of the records in one store; bounds what MongoDB must keep in its cache for a transaction."""

    session_timeout_seconds: Annotated[float, Field(ge=2, le=300)] = 10
    """A worker that is silent for so long loses its lanes. Shorter: a pause makes a rebalance; longer: after a crash
    its lanes stand still for so long."""

    lane_close_seconds: Annotated[float, Field(ge=0.5, le=120)] = 4
    """How long a lane may take to finish its batch when it is taken away; then it is cut off, and the next opening
    settles what it left. Must be below the session time-out: the whole group waits for it."""

    transaction_timeout_seconds: Annotated[float, Field(ge=5, le=900)] = 15
    """After this Kafka aborts a transaction whose worker is gone; until then readers of the topics wait for it."""

    request_timeout_seconds: Annotated[float, Field(ge=1, le=300)] = 15
    """How long one exchange with Kafka or MongoDB may take before the lane starts again from what is stored."""

    stall_seconds: Annotated[float, Field(ge=5, le=3600)] = 60
    """With records waiting, Kafka and MongoDB answering and no progress for so long, the worker ends itself."""

    shutdown_seconds: Annotated[float, Field(ge=1, le=600)] = 20
    """Bound of a clean stop after SIGTERM; then the worker exits all the same, and nothing is lost by it."""

    failing_partnerships_max: Annotated[int, Field(ge=1, le=100_000)] = 20
    """So many different partnerships failing within `failing_window_seconds` are no bad messages but a bad release:
    the worker stops before it stores them, instead of pouring a topic into the dead letters."""

    failing_share_max: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The same as a share of the partnerships seen, once at least five have failed."""

    failing_window_seconds: Annotated[float, Field(ge=1, le=3600)] = 60
    """The time over which both count. Longer: a few bad messages an hour stop it; shorter: a bad release is missed."""

    policy_file: FilePath | None = None
    """JSON file with the policy (docs/policy.md); the defaults without it. Read at the start, the same for all workers:
    two workers with two policies would decide by whichever has the lane."""

    health_host: str = "127.0.0.1"
    """Address of the health pages. In a container 0.0.0.0: with the default no probe from outside reaches them."""
    health_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port of /live, /ready and /metrics; 0 takes a free one and logs it."""

    log_format: Literal["json", "console"] = "json"
    """A JSON object a line, or text for people."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is logged. Above `info` nobody reads when lanes opened and why they started again."""

    @field_validator("mongo_url")
    @classmethod
    def _is_url(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value().startswith("mongodb+srv://"):
            return value  # reading it would ask the name server
        try:
            parse_uri(value.get_secret_value(), validate=True)
        except (InvalidURI, ConfigurationError, ValueError):
            # Without the driver's text: it can quote the password.
            msg = "not a URL of MongoDB; it looks like mongodb://user:password@host:27017/?replicaSet=rs0"
            raise ValueError(msg) from None
        return value

    @field_validator("secret", "second_secret")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < SECRET_CHARACTERS_MIN:
            msg = f"at least {SECRET_CHARACTERS_MIN} characters; make one with: openssl rand -hex 32"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _check(self) -> "Settings":
        if self.lane_close_seconds >= self.session_timeout_seconds:
            msg = (
                f"{ENV_PREFIX}LANE_CLOSE_SECONDS must be below {ENV_PREFIX}SESSION_TIMEOUT_SECONDS: the whole "
                "group waits while lanes close"
            )
            raise ValueError(msg)
        if self.session_timeout_seconds > self.stall_seconds:
            msg = (
                f"{ENV_PREFIX}SESSION_TIMEOUT_SECONDS must not be above {ENV_PREFIX}STALL_SECONDS: who joins may have "
                "to wait until the session of a worker that was killed is over"
            )
            raise ValueError(msg)
        if self.second_secret == self.secret:
            msg = f"{ENV_PREFIX}SECOND_SECRET is the same as {ENV_PREFIX}SECRET: set another one, or none"
            raise ValueError(msg)
        if self.kafka_security_protocol.startswith("SASL") and not (self.kafka_username and self.kafka_password):
            msg = (
                f"{ENV_PREFIX}KAFKA_USERNAME and {ENV_PREFIX}KAFKA_PASSWORD are needed with "
                f"{ENV_PREFIX}KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol}"
            )
            raise ValueError(msg)
        return self

    @property
    def missing(self) -> frozenset[str]:
        """What was not set and has a stand-in. The worker itself has none."""
        found = {"kafka_bootstrap": self.kafka_bootstrap, "secret": self.secret.get_secret_value()}
        return frozenset(name for name, value in found.items() if value == STAND_INS[name])

    @property
    def open_transaction_seconds(self) -> float:
        """After so long Kafka itself has aborted whatever a worker that is gone has left open, and said so."""
        return self.transaction_timeout_seconds + self.request_timeout_seconds

    @property
    def heartbeat_seconds(self) -> float:
        """Three heartbeats fit into the session time-out, as Kafka advises; and none is later than its default.

        A rebalance is heard of by a heartbeat. With a session of 60 s a worker that came waited for 17 s for the
        others, which is longer than its request may take, and then asked once more.
        """
        return min(HEARTBEAT_SECONDS_MAX, self.session_timeout_seconds / 3.5)

    def transactional_id(self, lane: int) -> str:
        """The transactional id with which a lane opens: it publishes what a crash left."""
        return f"{self.group}-{lane}"

    def shared_id(self, unique: str) -> str:
        """A transactional id with which open lanes publish together."""
        return f"{self.group}-shared-{unique}"

    def topic(self, name: TopicName) -> str:
        """The name of a topic in this deployment."""
        return f"{self.topic_prefix}{name}"


def load_settings(optional: Collection[str] = ()) -> Settings:
    """Settings from the environment. Those in `optional` may be missing: then a stand-in is there, which is no value.

    Raises:
        SettingsError: with one line for each wrong setting, never with a secret's value.
    """
    lines = _misspelled()
    try:
        settings = _read(optional)
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            hint = " (set it in the environment)" if problem["type"] == "missing" else ""
            text = problem["msg"].removeprefix("Value error, ") + hint
            lines.append(f"{_variable(str(problem['loc'][0]))}: {text}" if problem["loc"] else text)
        raise SettingsError("\n".join(lines)) from None
    if lines:
        raise SettingsError("\n".join(lines))
    return settings


def _read(optional: Collection[str]) -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)
        unset = {str(problem["loc"][0]).lower() for problem in problems if problem["type"] == "missing"}
        given: dict[str, Any] = {name: STAND_INS[name] for name in optional if name in unset}
        if not given:
            raise
    return Settings(**given)


def _variable(name: str) -> str:
    return name if name.isupper() else f"{ENV_PREFIX}{name.upper()}"


def _misspelled() -> list[str]:
    """Variables with our prefix that no setting has: left alone they would be a default that nobody chose."""
    known = [f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields]
    lines = []
    for variable in sorted(os.environ):
        if variable.upper().startswith(ENV_PREFIX) and variable.upper() not in known:
            like = difflib.get_close_matches(variable.upper(), known, n=1)
            lines.append(f"{variable}: there is no such setting" + (f"; did you mean {like[0]}?" if like else ""))
    return lines

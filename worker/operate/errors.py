"""Why an operation cannot be done. Each text is one line, and says what to do."""

import ssl

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from worker.kafka import NOT_TAKEN

RIGHTS = {
    TopicAuthorizationFailedError: ("topic", "Write to send or to give an order, Read and DescribeConfigs to look"),
    GroupAuthorizationFailedError: ("group", "Describe"),
    TransactionalIdAuthorizationFailed: ("transactional id", "Describe"),
}
"""What Kafka guards, and which right an operator needs there."""


NOT_KNOWN = 18
"""MongoDB's code for a user or a password that it does not know."""


class CannotOperate(Exception):
    """It cannot be done as things are: an operator has to change something."""


class NeedsSettings(CannotOperate):
    """A setting is missing that this operation needs."""


class WrongRequest(CannotOperate):
    """What was asked for makes no sense, or names something that is not there."""


class NoAnswer(CannotOperate):
    """What was waited for did not come in time; it may come yet."""


def denied(error: BaseException) -> tuple[str, str] | None:
    """What Kafka does not let this user do, and which right it needs; None where the error is another one."""
    if isinstance(error, ClusterAuthorizationFailedError):
        # Said to a producer that asks for its number. Brokers give one to whoever may write to any topic at all.
        return "Kafka lets this user write to no topic", "Write on the one it sends to"
    if type(error) not in RIGHTS:
        return None
    kind, right = RIGHTS[type(error)]
    said = [getattr(each, "topic", each) for each in error.args]  # a name, a partition, or a set of names
    names = sorted({str(name) for each in said for name in (each if isinstance(each, set | frozenset) else [each])})
    if not names or any(" " in name for name in names):  # a sentence, and no name
        return f"Kafka denies this user a right on a {kind}", right
    more = f" and {len(names) - 1} more" if names[1:] else ""
    return f"Kafka denies this user a right on the {kind} {names[0]}{more}", right


def not_reached(error: BaseException) -> str:
    """Why there is no connection to Kafka."""
    if isinstance(error, NOT_TAKEN):
        return f"Kafka does not take this user, password or mechanism ({type(error).__name__})"
    if isinstance(error, ssl.SSLError):
        return f"There is no TLS with Kafka ({error})"
    return f"Kafka does not answer ({type(error).__name__})"

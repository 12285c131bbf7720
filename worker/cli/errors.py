"""Every error in one line that says what to do, with its exit code."""

import errno
import ssl

from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RecordTooLargeError,
    UnknownTopicOrPartitionError,
)
from pymongo.errors import OperationFailure, PyMongoError

from worker.cli.exits import Exit
from worker.failures import StopWorker, UnreadableDocument, codes_of, describe
from worker.kafka import NOT_TAKEN
from worker.operate.errors import NOT_KNOWN, CannotOperate, NeedsSettings, NoAnswer, WrongRequest, denied, not_reached
from worker.settings import SettingsError

NOT_ALLOWED = 13
"""MongoDB's code for what this user may not do."""

OF_A_FILE = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}
"""What is wrong with a file or a disk, and not with a server."""


def explain(error: Exception) -> tuple[str, Exit]:  # noqa: PLR0911 - one for each kind
    """An error in one line with what to do, and the exit code for it."""
    match error:
        case SettingsError():
            return f"Wrong settings: {'; '.join(str(error).splitlines())}", Exit.USAGE
        case NeedsSettings() | WrongRequest():
            return _one_line(error), Exit.USAGE
        case NoAnswer():
            return _one_line(error), Exit.UNAVAILABLE
        case CannotOperate() | StopWorker() | UnreadableDocument():
            return _one_line(error), Exit.OPERATOR
        case PyMongoError():
            return _of_mongo(error)
        case KafkaError():
            return _of_kafka(error)
        case OSError():
            return _of_the_system(error)
        case _:
            return _defect(error)


def _of_mongo(error: PyMongoError) -> tuple[str, Exit]:
    if not isinstance(error, OperationFailure):
        name = type(error).__name__
        return f"MongoDB does not answer ({name}): is it up, and is MONGO_URL right?", Exit.UNAVAILABLE
    if NOT_KNOWN in codes_of(error):
        return "MongoDB does not know this user or password: look at MONGO_URL.", Exit.USAGE
    if NOT_ALLOWED in codes_of(error):
        return "MongoDB does not let this user do it: give it a role that may read the database.", Exit.OPERATOR
    return _defect(error)


def _of_kafka(error: KafkaError) -> tuple[str, Exit]:
    match error:
        case _ if what := denied(error):
            return f"{what[0]}: {what[1]} (docs/deploying.md, Kafka).", Exit.OPERATOR
        case _ if isinstance(error, NOT_TAKEN):
            return f"{not_reached(error)}: look at PARTNERSHIP_KAFKA_USERNAME and such.", Exit.USAGE
        case UnknownTopicOrPartitionError():
            hint = "is PARTNERSHIP_TOPIC_PREFIX right? `partnership-worker run` makes the topics when it starts"
            return f"The topic is not there: {hint}.", Exit.OPERATOR
        case MessageSizeTooLargeError() | RecordTooLargeError() | RecordListTooLargeError():
            return "It is larger than the topic takes.", Exit.USAGE
        case _:
            return _away(error)


def _of_the_system(error: OSError) -> tuple[str, Exit]:
    """Of a file, or of a connection: those to MongoDB have errors of their own."""
    if isinstance(error, ssl.SSLError):
        return f"{not_reached(error)}: does PARTNERSHIP_KAFKA_CA_FILE fit, and is the port one of TLS?", Exit.USAGE
    if error.errno in OF_A_FILE:
        return f"{error.filename or 'What is written'}: {error.strerror}", Exit.USAGE
    return _away(error)


def _away(error: Exception) -> tuple[str, Exit]:
    settings = "KAFKA_BOOTSTRAP and PARTNERSHIP_KAFKA_SECURITY_PROTOCOL"
    return f"{not_reached(error)}: is it up, and are {settings} right?", Exit.UNAVAILABLE


def _defect(error: Exception) -> tuple[str, Exit]:
    return f"A defect: {describe(error)}. `partnership-worker --traceback ...` shows where.", Exit.DEFECT


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())

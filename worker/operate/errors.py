"""Why an operation cannot be done. Each text is one line, and says what to do."""


class CannotOperate(Exception):
    """It cannot be done as things are: an operator has to change something."""


class NeedsSettings(CannotOperate):
    """A setting is missing that this operation needs."""


class WrongRequest(CannotOperate):
    """What was asked for makes no sense, or names something that is not there."""


class NoAnswer(CannotOperate):
    """What was waited for did not come in time; it may come yet."""

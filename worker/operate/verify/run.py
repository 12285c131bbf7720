"""Both halves of `verify`, for the command line, tests and a console."""

from collections.abc import Callable, Collection

from contracts.topics import TopicName
from worker.clock import monotonic_seconds
from worker.operate.access import Access
from worker.operate.verify.fold import verify_documents
from worker.operate.verify.report import Difference, Progress, Report
from worker.operate.verify.topics import PUBLISHED_TOPICS, verify_topics


def _silent(_stage: str, _done: int, _total: int) -> None:
    return


async def verify(
    access: Access,
    *,
    tell: Callable[[Difference], None],
    progress: Progress = _silent,
    documents: bool = True,
    topics: Collection[TopicName] = PUBLISHED_TOPICS,
    bodies: bool = False,
) -> Report:
    """Compare, while workers may run on. Each difference is told as it is found; the report counts them all.

    With `bodies` it is told with the values of fields and records, which may be personal.

    Raises:
        CannotOperate: where it cannot be judged.
    """
    report = Report(tell, bodies)
    started = monotonic_seconds()
    if documents:
        await verify_documents(access.db, report, progress)
    if topics:
        await verify_topics(access, report, progress, topics)
    report.seconds = monotonic_seconds() - started
    return report

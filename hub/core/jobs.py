"""RQ as a doorbell: a job carries at most ids, drains whatever PostgreSQL holds, and may be lost without loss.

One queue (RQ takes from one queue without a gap in which a job is nowhere), JSON instead of pickle, and a short
flag so that a thousand rings make one job.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from types import FrameType
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer

from hub.core import log

logger = log.get(__name__)
QUEUE = "hub"
JOB_TIMEOUT = 180  # seconds; a drain ends itself well before
WAITING = 8  # jobs that may wait: each drains whatever there is, so that more of them would only fill Redis


def connect(url: str) -> Redis:
    """A blocking client, as RQ wants it."""
    keepalive = {} if urlsplit(url).scheme == "unix" else {"socket_keepalive": True}
    found: Redis = Redis.from_url(url, socket_connect_timeout=5, **keepalive)
    return found


class Doorbell:
    """Enqueues a job by its dotted name unless one was just enqueued."""

    def __init__(self, url: str):
        self._redis = connect(url)
        self._queue = Queue(QUEUE, connection=self._redis, serializer=JSONSerializer, default_timeout=JOB_TIMEOUT)

    async def ring(self, job: str, *, quiet_seconds: float = 1.0) -> None:
        """Make some worker run `job` soon; harmless when Redis is away (the sweeper rings again)."""
        try:
            await asyncio.wait_for(asyncio.to_thread(self._ring, job, quiet_seconds), 5)
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning("doorbell_silent", job=job, error=str(error))

    def _ring(self, job: str, quiet_seconds: float) -> None:
        first = self._redis.set(f"rung:{job}", "1", nx=True, px=int(quiet_seconds * 1000))
        if first and self._queue.count < WAITING:
            self._queue.enqueue(job, result_ttl=60, failure_ttl=3600)

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()


_told_to_stop = threading.Event()


def stopping() -> bool:
    """Whether this worker was told to end: its job then finishes what it holds and takes nothing more."""
    return _told_to_stop.is_set()


class _Worker(SimpleWorker):
    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        _told_to_stop.set()
        super().request_stop(signum, frame)


def work(url: str) -> None:
    """Run one worker in this process until SIGTERM or SIGINT; the job in hand ends early, see `stopping`.

    A `SimpleWorker`: our jobs drain batches and open their own connections, so that a fork each would only cost.
    Redis may go away and forget everything meanwhile: the worker registers itself anew and goes on.
    """
    with contextlib.suppress(StopRequested):  # told so between two jobs, or while Redis was away
        while not stopping():
            _work_until_redis_goes(url)
            _told_to_stop.wait(1)


def _work_until_redis_goes(url: str) -> None:
    redis = connect(url)
    try:
        worker = _Worker(
            [Queue(QUEUE, connection=redis, serializer=JSONSerializer)],
            connection=redis,
            serializer=JSONSerializer,
            worker_ttl=60,
            maintenance_interval=60,
            log_job_description=False,
        )
        worker.work(logging_level="WARNING")  # returns when told to stop, and when Redis does not answer in time
    except (RedisError, OSError) as error:
        logger.warning("worker_waits_for_redis", error=str(error))
    else:
        logger.info("worker_paused", stopping=stopping())
    finally:
        redis.close()

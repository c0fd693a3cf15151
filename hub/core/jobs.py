"""RQ as notification: a job carries at most ids, drains whatever PostgreSQL holds, and may be lost without loss.

One queue (RQ takes from one queue without a gap in which a job is nowhere), JSON instead of pickle, and a short
flag so that a thousand notifications make one job.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer
from rq.timeouts import TimerDeathPenalty

from hub.core import log

logger = log.get(__name__)
QUEUE = "hub"
JOB_TIMEOUT = 180  # seconds; a job ends itself well before
WAITING = 8  # jobs that may wait: each says the same, so that more of them would only fill Redis


def connect(url: str) -> Redis:
    """A blocking client, as RQ wants it."""
    keepalive = {} if urlsplit(url).scheme == "unix" else {"socket_keepalive": True}
    found: Redis = Redis.from_url(url, socket_connect_timeout=5, **keepalive)
    return found


class JobNotifier:
    """Enqueues a job by its dotted name unless one was just enqueued."""

    def __init__(self, url: str):
        self._redis = connect(url)
        self._queue = Queue(QUEUE, connection=self._redis, serializer=JSONSerializer, default_timeout=JOB_TIMEOUT)

    async def notify(self, job: str, *, quiet_seconds: float = 1.0) -> None:
        """Make some worker run `job` soon; harmless when Redis is away (the sweeper notifies again)."""
        try:
            await asyncio.wait_for(asyncio.to_thread(self._ring, job, quiet_seconds), 5)
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning("job_not_notified", job=job, error=str(error))

    def _ring(self, job: str, quiet_seconds: float) -> None:
        first = self._redis.set(f"notified:{job}", "1", nx=True, px=int(quiet_seconds * 1000))
        if first and self._queue.count < WAITING:
            self._queue.enqueue(job, result_ttl=60, failure_ttl=3600)

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()


_heard: Callable[[], None] | None = None


def heard() -> bool:
    """Tell whoever listens in this process that a job came; False when nobody does."""
    if _heard is None:
        return False
    _heard()
    return True


class _Worker(SimpleWorker):
    """RQ's worker in a thread of ours: signals are the process's own business."""

    death_penalty_class = TimerDeathPenalty

    def _install_signal_handlers(self) -> None:
        pass


class Listener:
    """Hears RQ's jobs in a thread of its own and says so to `heard`, which must not block.

    A `SimpleWorker`: our jobs only notify, so that a fork each would only cost. Redis may go away and forget everything
    meanwhile, or hang: the worker registers itself anew and goes on, and nobody waits for it, not even at the end.
    """

    def __init__(self, url: str, heard: Callable[[], None]):
        self._url = url
        self._heard = heard
        self._over = threading.Event()

    def start(self) -> None:
        """Listen until `stop`."""
        global _heard
        _heard = self._heard
        threading.Thread(target=self._listen, name="rq", daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        global _heard
        _heard = None
        self._over.set()

    def _listen(self) -> None:
        while not self._over.is_set():
            _work_until_redis_goes(self._url)
            self._over.wait(1)


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
        worker.work(logging_level="WARNING")  # returns when Redis does not answer in time
    except (RedisError, OSError) as error:
        logger.warning("worker_waits_for_redis", error=str(error))
    finally:
        redis.close()

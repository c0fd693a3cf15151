"""Reading in processes that may be lost: a mail that defeats its reader is kept, and the next one flows."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import socket
import threading
from collections.abc import Generator

import pytest

import hub.core.sandbox_process as child
from connectors.email import readers as reading
from connectors.email.parse import Envelope, Mail, dedup_key
from connectors.email.readers import Job, Readers
from hub.core.errors import Invalid
from hub.core.sandbox import Confined
from tests.unit.connectors.test_email_parse import HOSTILE

MAIL = b"From: Ann <ann@customer.example>\nSubject: lamp\nMessage-ID: <1@customer.example>\n\nIt flickers.\n"
JOB = Job(1, Envelope(), "support@hub.example", None)


@pytest.fixture(scope="module")
def readers() -> Generator[Readers]:
    pool = Confined(2)
    yield Readers(pool)
    pool.close()


async def test_mail_comes_back_whole_when_read_in_another_process(readers: Readers) -> None:
    raw = MAIL.replace(
        b"\n\n",
        b"\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nIt flickers.\n--b\nContent-Type: image/png; name=a.png\n\n\x89PNG\n--b--\n",
        1,
    )
    mail = await readers.read(JOB, raw)
    assert (mail.inbound.text, mail.inbound.raw) == ("It flickers.", raw)
    assert [(a.name, a.body) for a in mail.inbound.attachments] == [("a.png", b"\x89PNG")]


async def test_nothing_is_refused_as_no_mail(readers: Readers) -> None:
    with pytest.raises(Invalid, match="empty"):
        await readers.read(JOB, b" \n")


async def test_largest_mail_is_read_within_the_memory_of_a_reader(readers: Readers) -> None:
    head = b"From: a@customer.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nsee file\n--b\nContent-Type: application/zip; name=a.zip\nContent-Transfer-Encoding: base64\n\n"
    mail = await readers.read(
        JOB, head + b"QUJDREVGRw==\n".replace(b"==", b"hh") * (49 * 1024 * 1024 // 13) + b"\n--b--\n"
    )
    assert "unreadable" not in mail.inbound.meta
    assert [len(a.body) for a in mail.inbound.attachments] == [49 * 1024 * 1024 // 13 * 9]


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_mail_stays_within_two_seconds_and_256_megabytes(readers: Readers, name: str) -> None:
    mail = await readers.read(JOB, HOSTILE[name])  # the limits are the reader's own: beyond them it would be unreadable
    assert "unreadable" not in mail.inbound.meta


def _pair(monkeypatch: pytest.MonkeyPatch, harm: str) -> Mail:
    """A reader forked here, whose parser does some harm when it sees the word in the subject."""
    pool = Confined(1)
    parse = reading.parse

    def harmful(raw: bytes, **options: object) -> Mail:
        if b"HARM" not in raw:
            return parse(raw, **options)  # type: ignore[arg-type] - options of the parser by name
        if harm == "endless":
            while True:
                pass
        if harm == "memory":
            return parse(b"x" * 10**9, **options)  # type: ignore[arg-type] - options of the parser by name
        if harm == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        raise RecursionError

    monkeypatch.setattr(reading, "parse", harmful)
    monkeypatch.setattr(reading, "SECONDS", 0.2)
    monkeypatch.setattr(pool, "_start", lambda: _here(pool))
    mail = Readers(pool).read_now(JOB, MAIL.replace(b"lamp", b"HARM"))
    following = Readers(pool).read_now(JOB, MAIL)
    assert following.inbound.text == "It flickers."
    pool.close()
    return mail


def _here(pool: Confined) -> None:
    """A nursery forked from this very process, so that it has the harmful parser."""
    control, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        control.close()
        child.nursery(theirs)
        os._exit(0)
    theirs.close()
    pool._control = control
    pool._process = _Forked(pid)  # type: ignore[assignment] - a stand-in for the process


class _Forked:
    def __init__(self, pid: int):
        self.pid, self.returncode = pid, None

    def wait(self, timeout: float | None = None) -> None:
        self.returncode = os.waitpid(self.pid, 0)[1]


@pytest.mark.parametrize("harm", ["endless", "memory", "crash", "recursion"])
def test_mail_that_defeats_its_reader_is_kept_and_the_next_one_flows(
    monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    inbound = _pair(monkeypatch, harm).inbound
    assert inbound.raw.endswith(b"It flickers.\n")
    assert (inbound.address, inbound.subject, inbound.text) == ("ann@customer.example", "HARM", "")
    assert inbound.meta["unreadable"]
    assert inbound.dedup_key == dedup_key(inbound.raw)
    assert not inbound.verified


async def test_mail_is_read_again_when_its_reader_was_killed_by_somebody(readers: Readers) -> None:
    await readers.read(JOB, MAIL)
    nursery = readers._pool._process
    assert nursery is not None
    nursery.kill()
    nursery.wait()
    mails = await asyncio.gather(*(readers.read(JOB, MAIL) for _ in range(8)))
    assert all("unreadable" not in mail.inbound.meta for mail in mails)


def test_no_process_or_thread_is_left_when_closed() -> None:
    threads = {t for t in threading.enumerate() if t.name.startswith("confined")}
    pool = Confined(1)
    Readers(pool).read_now(JOB, MAIL)
    process = pool._process
    assert process is not None
    pool.close()
    assert process.returncode == 0
    assert threads == {t for t in threading.enumerate() if t.name.startswith("confined")}
    assert Readers(pool).read_now(JOB, MAIL).inbound.subject == "lamp"  # and it starts again when needed
    pool.close()


def test_answers_can_be_pickled_whatever_the_mail() -> None:
    answer, bodies = child.done(JOB, MAIL)
    assert pickle.loads(pickle.dumps(answer)) == answer
    assert bodies == []

"""Mail read where it can do no harm: in a process that may be lost, and then its HTML cleaned in the same way.

A mail that defeats its reader is stored all the same, with what its headers say. HTML that defeats the cleaning costs
the mail its page and nothing else: its text is read already.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Literal

from connectors.email.parse import Envelope, Known, Mail, parse
from connectors.email.unreadable import remains
from hub.channels.model import Page
from hub.core import log
from hub.core.errors import Invalid
from hub.core.sandbox import CONFINED, Confined, Done, preload
from hub.messages.html import Clean

logger = log.get(__name__)
SECONDS = 2.0
_A_SECOND = 16 * 1024 * 1024  # bytes that are read in one, at the least
preload(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """What to read, beside the bytes themselves; `part` "remains" asks for no more than a glance."""

    account_id: int
    envelope: Envelope
    own: str | None
    trusted: str | None
    known: Known = field(default_factory=Known)
    part: Literal["whole", "remains"] = "whole"
    reason: str = ""
    size: int = 0  # bytes of the mail

    @property
    def seconds(self) -> float:
        """Of processor time, for one mail: large files take their time where a processor is shared."""
        return SECONDS + self.size / _A_SECOND

    def __call__(self, raw: bytes) -> tuple[Mail, list[bytes]]:
        """The mail without its bytes, and those of its files."""
        if self.part == "remains":
            mail = remains(raw, account_id=self.account_id, envelope=self.envelope, reason=self.reason)
        else:
            mail = parse(
                raw,
                account_id=self.account_id,
                envelope=self.envelope,
                own=self.own,
                trusted=self.trusted,
                known=self.known,
            )
        files = mail.inbound.attachments
        bare = replace(mail.inbound, raw=b"", attachments=tuple(replace(f, body=b"") for f in files))
        return replace(mail, inbound=bare), [f.body for f in files]


class Readers:
    """Reads mail with a pool of processes; usable from any thread and any event loop."""

    def __init__(self, pool: Confined):
        self._pool = pool

    async def read(self, job: Job, raw: bytes) -> Mail:
        """The mail; if it defeats the reader, what its headers say at a glance.

        `Invalid`: it is no mail, or not even its headers can be looked at. `Unavailable`: no reader could be started.
        """
        return await asyncio.wrap_future(self._pool.submit(self._read, job, raw))

    def read_now(self, job: Job, raw: bytes) -> Mail:
        """As `read`, for callers with a thread of their own."""
        return self._pool.submit(self._read, job, raw).result()

    # -- in the pool's threads -----------------------------------------------------------------------------------
    def _read(self, job: Job, raw: bytes) -> Mail:
        job = replace(job, size=len(raw))
        done = self._pool.attempt(job, raw)
        if done.error is not None and not done.refused:
            logger.warning("mail_unreadable", account=job.account_id, size=len(raw), reason=done.error)
            done = self._pool.attempt(replace(job, part="remains", reason=done.error), raw)
        if done.error is not None:
            raise Invalid(done.error)
        mail = _whole(done, raw)
        if mail.inbound.html is None:
            return mail
        return replace(mail, inbound=replace(mail.inbound, page=self._page(mail)))

    def _page(self, mail: Mail) -> Page:
        end = mail.inbound.meta.get("html_own_end")
        done = self._pool.attempt(Clean(mail.inbound.html or "", end if isinstance(end, int) else None), b"")
        if done.error is not None:
            logger.warning("page_not_made", account=mail.inbound.account_id, reason=done.error)
            return Page(error=done.error)
        return done.value


def _whole(done: Done, raw: bytes) -> Mail:
    """The mail with its bytes and files again."""
    mail: Mail = done.value
    files = tuple(replace(f, body=body) for f, body in zip(mail.inbound.attachments, done.bodies, strict=True))
    return replace(mail, inbound=replace(mail.inbound, raw=raw, attachments=files))


READERS = Readers(CONFINED)

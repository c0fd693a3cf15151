"""The servers behind an address: a table of the large providers, the domain's own announcement, or the usual names.

In this order: the address's domain in the table; SRV records (RFC 6186, RFC 8314); the domain's MX hosts in the table,
for people whose own domain is served by one of them; a guess. Nothing is connected to: that is the test's business.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import dns.asyncresolver
import dns.exception

from hub.channels.mailboxes import Discovered
from hub.channels.model import AddressKind
from hub.contacts.identity import normalise
from hub.core import log

logger = log.get(__name__)
_SECONDS = 4.0  # for all questions together
_IMAP = (("_imaps._tcp", "tls"), ("_imap._tcp", "starttls"))
_SMTP = (("_submissions._tcp", "tls"), ("_submission._tcp", "starttls"))


@dataclass(frozen=True, slots=True)
class _Server:
    host: str
    port: int
    tls: str


@cache
def _table() -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Providers by domain of address, and by domain of MX host."""
    read = tomllib.loads(Path(__file__).with_name("providers.toml").read_text(encoding="utf-8"))["provider"]
    return {d: p for p in read for d in p["domains"]}, {m: p for p in read for m in p["mx"]}


async def discover(address: str, resolver: dns.asyncresolver.Resolver | None = None) -> Discovered:
    """The servers an address is most likely served by; `Invalid` when it is none. `resolver` is for tests."""
    address = normalise(AddressKind.EMAIL, address)
    domain = address.rpartition("@")[2]
    by_domain, by_mx = _table()
    if domain in by_domain:
        return _provider(by_domain[domain], address)
    try:
        async with asyncio.timeout(_SECONDS):
            names = _Names(resolver or dns.asyncresolver.Resolver())
            return await names.announced(domain, address) or await names.served(domain, address, by_mx)
    except (TimeoutError, dns.exception.DNSException, OSError) as error:
        logger.info("mail_servers_not_announced", domain=domain, error=str(error))
        return _guess(domain, address)


class _Names:
    """What the DNS says of a domain's mail."""

    def __init__(self, resolver: dns.asyncresolver.Resolver):
        self._resolver = resolver

    async def announced(self, domain: str, address: str) -> Discovered | None:
        imap, smtp = await asyncio.gather(self._service(domain, _IMAP), self._service(domain, _SMTP))
        if imap is None or smtp is None:
            return None
        return Discovered(domain, "dns", _imap(imap, address), _smtp(smtp, address), "password")

    async def _service(self, domain: str, kinds: Sequence[tuple[str, str]]) -> _Server | None:
        for name, tls in kinds:
            records = [r for r in await self._resolve(f"{name}.{domain}", "SRV") if str(r.target) != "."]
            if records:
                best = min(records, key=lambda r: (r.priority, -r.weight))
                return _Server(str(best.target).rstrip(".").lower(), best.port, tls)
        return None

    async def served(self, domain: str, address: str, by_mx: dict[str, dict[str, Any]]) -> Discovered:
        records = sorted(await self._resolve(domain, "MX"), key=lambda r: r.preference)
        for host in (str(r.exchange).rstrip(".").lower() for r in records):
            found = next((p for suffix, p in by_mx.items() if host == suffix or host.endswith(f".{suffix}")), None)
            if found is not None:
                return _provider(found, address)
        return _guess(domain, address)

    async def _resolve(self, name: str, kind: str) -> list[Any]:
        try:
            answer = await self._resolver.resolve(name, kind, raise_on_no_answer=False, lifetime=_SECONDS)
        except dns.exception.DNSException:
            return []
        return list(answer)


def _provider(found: dict[str, Any], address: str) -> Discovered:
    imap, smtp = _Server(*found["imap"]), _Server(*found["smtp"])
    return Discovered(
        found["name"], "table", _imap(imap, address), _smtp(smtp, address), found["sign_in"], found.get("help", "")
    )


def _guess(domain: str, address: str) -> Discovered:
    imap, smtp = _Server(f"imap.{domain}", 993, "tls"), _Server(f"smtp.{domain}", 587, "starttls")
    return Discovered(domain, "guess", _imap(imap, address), _smtp(smtp, address), "password")


def _imap(server: _Server, address: str) -> dict[str, Any]:
    return {"host": server.host, "port": server.port, "tls": server.tls, "user": address}


def _smtp(server: _Server, address: str) -> dict[str, Any]:
    return {"host": server.host, "port": server.port, "tls": server.tls, "user": address}

"""The servers of a mailbox are found by its address."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Generator
from typing import ClassVar

import dns.asyncresolver
import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from connectors.email.discover import discover
from hub.core.errors import Invalid


@pytest.mark.parametrize(
    ("address", "provider", "imap_host", "sign_in"),
    [
        ("a@gmail.com", "Gmail", "imap.gmail.com", "app_password"),
        ("a@Hotmail.com", "Outlook / Microsoft 365", "outlook.office365.com", "oauth"),
        ("a@yahoo.com", "Yahoo", "imap.mail.yahoo.com", "app_password"),
        ("a@icloud.com", "iCloud", "imap.mail.me.com", "app_password"),
        ("a@fastmail.com", "Fastmail", "imap.fastmail.com", "app_password"),
        ("12345@qq.com", "QQ邮箱", "imap.qq.com", "app_password"),
        ("a@163.com", "网易 163", "imap.163.com", "app_password"),
        ("a@126.com", "网易 126", "imap.126.com", "app_password"),
        ("a@zoho.com", "Zoho", "imap.zoho.com", "app_password"),
        ("a@gmx.de", "GMX (DE)", "imap.gmx.net", "password"),
        ("a@yandex.ru", "Yandex", "imap.yandex.com", "app_password"),
    ],
)
async def test_servers_of_the_large_providers_are_known(
    address: str, provider: str, imap_host: str, sign_in: str
) -> None:
    found = await discover(address)
    assert (found.provider, found.imap["host"], found.sign_in, found.source) == (provider, imap_host, sign_in, "table")
    assert found.imap["user"] == address.lower()


class _Dns(socketserver.BaseRequestHandler):
    """A name server that knows what a test told it."""

    records: ClassVar[dict[tuple[str, str], list[str]]] = {}

    def handle(self) -> None:
        data, sock = self.request
        query = dns.message.from_wire(data)
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        answer = dns.message.make_response(query)
        values = self.records.get((str(question.name).rstrip("."), kind), [])
        if values:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *values))
        sock.sendto(answer.to_wire(), self.client_address)


@pytest.fixture
def names() -> Generator[dns.asyncresolver.Resolver]:
    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), _Dns) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = listening.server_address[1]
        yield resolver
        listening.shutdown()
    _Dns.records = {}


async def test_domain_that_announces_its_servers_is_believed(names: dns.asyncresolver.Resolver) -> None:
    _Dns.records = {
        ("_imaps._tcp.firm.example", "SRV"): ["10 1 993 far.firm.example.", "0 1 1993 near.firm.example."],
        ("_submission._tcp.firm.example", "SRV"): ["0 1 587 out.firm.example."],
        ("_submissions._tcp.firm.example", "SRV"): ["0 0 0 ."],  # RFC 2782: not available here
    }
    found = await discover("a@firm.example", names)
    assert found.source == "dns"
    assert (found.imap["host"], found.imap["port"], found.imap["tls"]) == ("near.firm.example", 1993, "tls")
    assert (found.smtp["host"], found.smtp["port"], found.smtp["tls"]) == ("out.firm.example", 587, "starttls")


async def test_own_domain_at_a_large_provider_is_recognised_by_its_mx(names: dns.asyncresolver.Resolver) -> None:
    _Dns.records = {("firm.example", "MX"): ["20 other.example.", "10 firm-example.mail.protection.outlook.com."]}
    found = await discover("a@firm.example", names)
    assert (found.provider, found.sign_in) == ("Outlook / Microsoft 365", "oauth")


async def test_unknown_domain_gets_the_usual_names(names: dns.asyncresolver.Resolver) -> None:
    found = await discover("a@firm.example", names)
    assert (found.source, found.imap["host"], found.smtp["port"]) == ("guess", "imap.firm.example", 587)
    with pytest.raises(Invalid):
        await discover("nobody")

"""Both stand-ins, started together, and what the rest of the demo needs to know about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from hub.demo.mail import MailCatcher
from hub.demo.twilio import TwilioStandin, credentials


@dataclass(slots=True)
class Standins:
    """The running stand-ins."""

    mail: MailCatcher
    twilio: TwilioStandin

    async def __aenter__(self) -> Standins:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop both."""
        await self.twilio.stop()
        await self.mail.stop()

    def email_settings(self) -> dict[str, Any]:
        """What an e-mail account's settings need in order to send into the catcher."""
        return {"smtp": {"host": self.mail.host, "port": self.mail.port, "tls": "none"}}

    def twilio_settings(self) -> dict[str, Any]:
        """A Twilio account's settings, the secret included, for the stand-in; its address is `twilio.number`."""
        return {
            "account_sid": self.twilio.account_sid,
            "auth_token": self.twilio.auth_token,
            "api_base": self.twilio.url,
        }

    def demo_json(self) -> dict[str, Any]:
        """The stand-ins' entries of demo.json."""
        return {
            "mail_catcher": {
                "host": self.mail.host,
                "port": self.mail.port,
                "url": self.mail.url,
                "api": f"{self.mail.url}/api/messages",
            },
            "twilio": {
                "url": self.twilio.url,
                "inbound": f"{self.twilio.url}/standin/inbound",
                "calls": f"{self.twilio.url}/standin/calls",
                "line": f"{self.twilio.url}/standin/line",
                "faults": f"{self.twilio.url}/standin/faults",
                "number": self.twilio.number,
                "account_sid": self.twilio.account_sid,
                "auth_token": self.twilio.auth_token,
            },
        }


class Hooks(TypedDict):
    """Where the stand-in calls the hub: the settings a number has in Twilio's console."""

    sms_url: str
    whatsapp_url: str
    voice_url: str
    status_url: str


def hooks(hub_url: str, sms: str = "sms", phone: str = "phone", whatsapp: str = "whatsapp") -> Hooks:
    """The hub's webhooks for accounts of text messages, of WhatsApp and of calls."""
    return {
        "sms_url": f"{hub_url}/hooks/twilio/{sms}/sms#rc=5&rp=all",
        "whatsapp_url": f"{hub_url}/hooks/twilio/{whatsapp}/whatsapp#rc=5&rp=all",
        "voice_url": f"{hub_url}/hooks/twilio/{phone}/voice#rc=2&rp=ct,rt,5xx",
        "status_url": f"{hub_url}/hooks/twilio/{phone}/calls/status#rc=5&rp=ct,rt,5xx",
    }


async def start_standins(
    *,
    hub_url: str,
    secret: bytes,
    account_key: str = "sms",
    number: str = "+15550100100",
    host: str = "127.0.0.1",
    ports: tuple[int, int, int] = (0, 0, 0),
) -> Standins:
    """Start the mail catcher and the Twilio stand-in.

    `hub_url` is the hub's public URL, `account_key` the key of its Twilio account; the same `secret` gives the same
    credentials again. `ports` are those of the catcher's SMTP, its page, and the Twilio stand-in; 0 takes a free one.
    `OSError` if one is taken.
    """
    sid, token = credentials(secret)
    mail = MailCatcher(host=host, port=ports[0], web_port=ports[1])
    await mail.start()
    twilio = TwilioStandin(sid, token, number=number, host=host, port=ports[2], **hooks(hub_url, account_key))
    try:
        await twilio.start()
    except BaseException:
        await mail.stop()
        raise
    return Standins(mail, twilio)

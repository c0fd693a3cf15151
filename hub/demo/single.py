"""`hub demo twilio|mail`: one stand-in on its own, for developing against."""

from __future__ import annotations

import asyncio
import signal

from hub.demo.mail import MailCatcher
from hub.demo.standins import hooks
from hub.demo.twilio import TwilioStandin, credentials


async def alone(part: str, *, hub_url: str, port: int) -> int:
    """Run until Ctrl-C; prints where it is and with which credentials."""
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    if part == "mail":
        mail = MailCatcher(host="127.0.0.1", port=port, web_port=0)
        await mail.start()
        print(f"SMTP {mail.host}:{mail.port}\nCaught mail {mail.url}", flush=True)
        await stopped.wait()
        await mail.stop()
        return 0
    sid, token = credentials(b"hub-demo-twilio")
    twilio = TwilioStandin(sid, token, number="+15550100100", host="127.0.0.1", port=port, **hooks(hub_url))
    await twilio.start()
    print(f"Twilio stand-in {twilio.url}\nAccount SID {sid}\nAuth token {token}\nNumber +15550100100", flush=True)
    await stopped.wait()
    await twilio.stop()
    return 0

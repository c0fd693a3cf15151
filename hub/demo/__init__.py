"""The stand-ins and scripted customers of `hub up --demo`; the tests use the same ones."""

from hub.demo.customers import ChatVisitor, Customers, Endpoints
from hub.demo.mail import MailCatcher
from hub.demo.standins import Standins, start_standins
from hub.demo.twilio import Faults, TwilioStandin
from hub.demo.wire import Refused, Reply, deliver

__all__ = [
    "ChatVisitor",
    "Customers",
    "Endpoints",
    "Faults",
    "MailCatcher",
    "Refused",
    "Reply",
    "Standins",
    "TwilioStandin",
    "deliver",
    "start_standins",
]

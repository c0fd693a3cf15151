"""A stand-in for Twilio: messages, calls, conferences, queues and recordings, without an account or a network."""

from hub.demo.twilio.standin import Faults, TwilioStandin, credentials

__all__ = ["Faults", "TwilioStandin", "credentials"]

"""Prometheus metrics of one process, at `/metrics`. Names follow the Prometheus naming guide."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

INTAKE = Counter("hub_intake_total", "Messages taken in, by outcome", ["connector", "outcome"])
DELIVERIES = Counter("hub_deliveries_total", "Sends, by outcome", ["connector", "outcome"])
OFFERS = Counter("hub_offers_total", "Offers, by how they ended", ["outcome"])
FOLLOW_UPS = Counter("hub_follow_ups_total", "Follow-ups, by outcome", ["kind", "outcome"])
REQUESTS = Histogram(
    "hub_request_seconds",
    "Time to answer a request",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
SOCKETS = Gauge("hub_sockets", "Open WebSockets", ["kind"])
REPAIRS = Counter("hub_work_repairs_total", "Work found out of order and put right, by kind of fault", ["fault"])
REJECTED = Counter("hub_rejected_total", "Requests refused before they were read, by reason", ["connector", "reason"])
WAITING = Gauge("hub_queue_waiting", "Entries waiting, as this process's router sees them")
LEADER = Gauge("hub_leader", "1 while this process holds the lease", ["lease"])

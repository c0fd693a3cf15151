"""`hub demo history`: years of a center's work, straight into the tables, to see how the hub fares."""

from hub.demo.history.load import Size, fill

__all__ = ["Size", "fill"]

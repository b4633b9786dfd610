"""A recorded file through the same device code as live readings, without a broker."""

from aegisflow.offline.backtest.report import Report
from aegisflow.offline.backtest.run import backtest

__all__ = ["Report", "backtest"]

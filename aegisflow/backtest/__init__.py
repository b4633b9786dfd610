"""A recorded file through the same device code as live readings, without a broker."""

from aegisflow.backtest.report import Report
from aegisflow.backtest.run import backtest

__all__ = ["Report", "backtest"]

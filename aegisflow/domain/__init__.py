"""The pure core: standard library, numpy and ``aegisflow.errors``. Time is always an argument."""

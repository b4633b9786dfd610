"""``python -m aegisflow``."""

from aegisflow.cli import main

if __name__ == "__main__":
    main()

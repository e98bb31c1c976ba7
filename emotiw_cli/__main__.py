"""``python -m emotiw_cli`` is the same program as ``emotiw``."""

from emotiw_cli.app import main

if __name__ == "__main__":
    main()

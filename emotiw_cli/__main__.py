"""The entry point of the console script; ``python -m emotiw_cli`` is the same program."""

import gc
import sys


def main() -> None:
    """Run the command line, started quickly.

    Imports make many objects and hardly free one, so the collector that looks for garbage
    meanwhile, and again among them when the program ends, finds nothing: it waits, then looks
    less often than by default, as a verb imports more, and leaves out all that is there at the
    end. That is a quarter of the time of ``emotiw --help``.
    """
    gc.disable()
    from emotiw_cli.app import main as run

    gc.freeze()
    gc.set_threshold(50_000)
    gc.enable()
    try:
        run()
    finally:
        if "torch" not in sys.modules:  # its bindings report what is left out as leaks
            gc.freeze()


if __name__ == "__main__":
    main()

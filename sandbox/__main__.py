"""``python -m sandbox --port 8001``: the simulator without Django."""

from __future__ import annotations

import argparse

from sandbox.options import add_arguments, options_from
from sandbox.server import serve


def main() -> None:
    parser = argparse.ArgumentParser(prog="sandbox", description="A strict simulator of TikTok Shop and Crux Connect.")
    add_arguments(parser)
    serve(options_from(vars(parser.parse_args())))


if __name__ == "__main__":
    main()

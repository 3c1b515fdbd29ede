#!/usr/bin/env python
"""Django's command line; see `./run` for the verbs that set the machine up first."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config import private_servers

    if sys.argv[1:2] != ["sandbox"]:
        private_servers.ensure()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()

#!/usr/bin/env python
"""Django's command line; see `./run` for the verbs that set the machine up first."""

import os
import sys

NEED_NO_SERVERS = {"sandbox"}
NEED_NO_TABLES = {
    "check", "collectstatic", "compilemessages", "help", "makemessages", "makemigrations", "migrate", "restore",
}  # fmt: skip


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config import private_servers

    verb = sys.argv[1] if len(sys.argv) > 1 else "help"
    if verb not in NEED_NO_SERVERS:
        private_servers.ensure()
    from django.core.management import execute_from_command_line

    if verb not in NEED_NO_SERVERS | NEED_NO_TABLES and private_servers.is_private("DATABASE_URL"):
        # A server of this checkout's own is set up like the rest of it; any other is somebody's to migrate.
        execute_from_command_line([sys.argv[0], "migrate", "--verbosity", "0"])
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()

"""`python -m trials chaos …`, `python -m trials load …`: what `./run chaos` and `./run load` call."""

import os
import sys

import django

from config import private_servers

# What differs from the defaults: an undo window that is soon over, and no limits for those who call the API. The
# database keeps what it has committed, as in production: a private one otherwise forgets the last moments when it is
# killed.
SETTINGS = {
    "UNDO_SECONDS": "2", "API_RATE": "", "API_WRITE_RATE": "",
    "LOGIN_FAILED_RATE": "1000/m/ip", "BREACHED_PASSWORD_CHECK": "0",
    "PRIVATE_POSTGRES_OPTIONS": "--synchronous_commit=on",
    "STATICFILES_BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage",
    "DATABASE_URL": private_servers.database_url("trial"), "CELERY_BROKER_URL": private_servers.broker_url(),
    "CACHE_URL": private_servers.cache_url(), "DJANGO_SETTINGS_MODULE": "config.settings",
}  # fmt: skip
# Also in chaos, which would otherwise take hours: the lease of a claimed decision, how often shops are read, and when
# a pull is taken for dead.
HURRIED = {"CLAIM_SECONDS": "45", "PULL_EVERY_SECONDS": "15", "PULL_SILENT_SECONDS": "60"}


def main() -> int:
    name, *arguments = sys.argv[1:]
    os.environ.update(SETTINGS if name == "load" else SETTINGS | HURRIED)
    django.setup()  # which reads what was just set, so that what needs it is imported afterwards
    if name == "chaos":
        from trials.chaos import main as trial
    else:
        from trials.load import main as trial
    return trial(arguments)


if __name__ == "__main__":
    sys.exit(main())

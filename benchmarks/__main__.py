"""`python -m benchmarks NAME …`: what `./run bench NAME …` calls. Each benchmark is the module of that name."""

import importlib
import os
import sys
from pathlib import Path

import django

from config import private_servers

# No limits for those who call the API, no files to be collected first, nobody asked on the internet, and a database
# that keeps what it has committed and has some memory, as in production.
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
    "API_RATE": "", "API_WRITE_RATE": "", "API_FAILED_RATE": "", "BREACHED_PASSWORD_CHECK": "0",
    "STATICFILES_BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage",
    "PRIVATE_POSTGRES_OPTIONS": "--synchronous_commit=on --shared_buffers=1GB --max_wal_size=4GB",
    "DATABASE_URL": private_servers.database_url("bench"), "CELERY_BROKER_URL": private_servers.broker_url(),
    "CACHE_URL": private_servers.cache_url(),
}  # fmt: skip


def main() -> int:
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if "def main(" in path.read_text())
    names.remove("__main__")
    name, *arguments = sys.argv[1:] or [""]
    if name not in names:
        raise SystemExit(f"./run bench NAME, which is one of: {', '.join(names)}")
    os.environ.update(SETTINGS)
    private_servers.ensure()
    try:
        django.setup()  # which reads what was just set, so that what needs it is imported afterwards
        return int(importlib.import_module(f"benchmarks.{name}").main(arguments))
    finally:
        private_servers.release()


if __name__ == "__main__":
    sys.exit(main())

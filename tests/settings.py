"""The product's settings, on servers of this test run's own: they start with it, end with it and keep nothing."""

import os
import tempfile

RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID")
if RUN is None:  # not a worker of pytest-xdist, which is given the environment of the process that started the run
    os.environ["LOCAL_DIR"] = tempfile.mkdtemp(prefix="countermand-tests-")
    os.environ["PRIVATE_POSTGRES_OPTIONS"] = "--fsync=off --full_page_writes=off"

from config import private_servers

# Each worker has a broker and a cache to itself; pytest-django does the same for the database.
private_servers.choose("countermand", number=int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]))
private_servers.ensure()

from config.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405

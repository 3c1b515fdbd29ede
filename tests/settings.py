"""The product's settings, on servers of this test run's own: they start with it, end with it and keep nothing."""

import atexit
import os
import shutil
import tempfile

IS_FIRST_PROCESS = "PYTEST_XDIST_WORKER" not in os.environ
if IS_FIRST_PROCESS:  # the workers of pytest-xdist inherit this
    os.environ["LOCAL_DIR"] = tempfile.mkdtemp(prefix="countermand-tests-")
    os.environ["PRIVATE_POSTGRES_OPTIONS"] = "--fsync=off --full_page_writes=off"

from config import private_servers


def _leave_nothing() -> None:
    private_servers.release()
    shutil.rmtree(private_servers.LOCAL, ignore_errors=True)


if IS_FIRST_PROCESS:
    atexit.register(_leave_nothing)
os.environ["BREACHED_PASSWORD_CHECK"] = "false"  # it would ask somebody on the internet
os.environ["API_RATE"] = os.environ["API_WRITE_RATE"] = os.environ["API_FAILED_RATE"] = ""
# Each worker has a broker and a cache to itself; pytest-django does the same for the database.
private_servers.choose("countermand", number=int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]))
private_servers.ensure()

from config.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
WHITENOISE_AUTOREFRESH = True  # files are looked up as they are asked for, so nothing has to be collected first
# The simulator's shops take as many calls as the tests make.
PACE_CALLS = False
# The threads of a live server would keep theirs open past the end, when the test's database is dropped.
DATABASES["default"]["CONN_MAX_AGE"] = 0  # noqa: F405

import os
import shutil
from pathlib import Path

import pytest

from config import private_servers


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    private_servers.release()
    shutil.rmtree(os.environ["LOCAL_DIR"], ignore_errors=True)

"""A process that asks a lying simulator and tells how much memory it came to need, in MB: see `test_lies`.

python -m tests.marketplaces.under_lies ADDRESS MARKETPLACE LIE …
"""

import sys
from contextlib import suppress
from pathlib import Path

from marketplaces.errors import MarketplaceError
from marketplaces.http import Http
from tests.marketplaces.sides import SIDES
from tests.sandbox_process import SandboxProcess


def main(address: str, marketplace: str, *kinds: str) -> None:
    sandbox = SandboxProcess(address)
    side = SIDES[marketplace](sandbox, Http(read_timeout=2, read_tries=1, longest_answer=5))
    target, adapter = side.ask(), side.adapter(side.credentials)
    for kind in kinds:
        fault = sandbox.fault("*", kind, rate=1)
        for call in (
            lambda: adapter.orders_updated(side.since, side.until),
            lambda: adapter.orders_by_id([target.order_id]),
            lambda: adapter.cancellations_updated(side.since, side.until),
            lambda: adapter.approve(target, "key"),
        ):
            with suppress(MarketplaceError):
                call()
        sandbox.delete("faults", id=fault["id"])
    # Not by getrusage, which begins with what the process had that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    sys.stdout.write(f"{int(status['VmHWM'].split()[0]) // 1024}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

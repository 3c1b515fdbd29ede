"""Whether this process lives, whether the whole can do its work, and the numbers behind it, for machines that ask.

They are answered before anything else: whoever balances the load asks by an address and without HTTPS, and has no
session, no language and no host name that we know.
"""

import hmac
from collections.abc import Callable
from datetime import datetime

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from config import metrics
from shops import heartbeat

BROKER_SECONDS = 1


class ProbeMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = PROBES.get(request.path_info)
        if answer is None:
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        told = answer(request)
        told["Cache-Control"] = "no-store"
        return told


def live(request: HttpRequest) -> HttpResponse:
    """This process answers; nothing else is asked."""
    return HttpResponse("ok", content_type="text/plain")


def ready(request: HttpRequest) -> HttpResponse:
    """200 where requests come in and decisions go out, else 503 with the name of what is missing. No secrets."""
    wrong = {name: problem for name, check in CHECKS.items() if (problem := check())}
    told = {"ready": not wrong, "checks": {name: wrong.get(name, "ok") for name in CHECKS}}
    return JsonResponse(told, status=503 if wrong else 200)


def database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "cannot be reached"
    return ""


_applied = False


def migrations() -> str:
    """What was applied once stays so, and to look is not cheap: a process looks until all of them are."""
    global _applied
    if not _applied:
        try:
            executor = MigrationExecutor(connection)
            missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        except DatabaseError:
            return "cannot be asked"
        if missing:
            return f"{missing} not applied"
        _applied = True
    return ""


def broker() -> str:
    options = {
        **current_app.conf.broker_transport_options,
        "socket_connect_timeout": BROKER_SECONDS,
        "socket_timeout": BROKER_SECONDS,
    }
    try:
        with current_app.connection_for_read(transport_options=options) as opened:
            opened.ensure_connection(max_retries=1, timeout=BROKER_SECONDS)
            opened.default_channel.client.ping()  # type: ignore[attr-defined]
    except Exception:  # each transport has errors of its own, and all of them mean the same
        return "cannot be reached"
    return ""


def worker() -> str:
    return silent(heartbeat.WORKER)


def outside() -> str:
    """A worker for webhooks and exports."""
    return silent(heartbeat.OUTSIDE)


def beat() -> str:
    return silent(heartbeat.BEAT)


def silent(who: str) -> str:
    silence = heartbeat.silence(who)
    return f"not seen {since(silence.since)}" if silence else ""


def since(moment: datetime | None) -> str:
    return f"since {moment:%Y-%m-%dT%H:%M:%SZ}" if moment else "yet"


CHECKS: dict[str, Callable[[], str]] = {
    "database": database, "migrations": migrations, "broker": broker, "worker": worker,
    "outside": outside, "beat": beat,
}  # fmt: skip


def numbers(request: HttpRequest) -> HttpResponse:
    """For Prometheus, which shows its token. Without one in the settings there is nothing here."""
    if not settings.METRICS_TOKEN:
        return HttpResponse(status=404)
    shown = request.headers.get("Authorization", "").encode("utf-8", "surrogatepass")
    if not hmac.compare_digest(shown, f"Bearer {settings.METRICS_TOKEN}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(generate_latest(metrics.registry(timezone.now())), content_type=CONTENT_TYPE_LATEST)


PROBES: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    "/healthz": live, "/healthz/": live, "/readyz": ready, "/readyz/": ready, "/metrics": numbers,
}  # fmt: skip

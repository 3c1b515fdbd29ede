"""The Celery application: broker behaviour and the beat schedule, both in code. Due times live in the tables."""

import gc
import os
import sys

from celery import Celery
from celery.signals import task_postrun, task_prerun, worker_init
from django.db import close_old_connections
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("countermand")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    {
        "broker_transport_options": {
            # Longer than the longest task, else Redis hands a running task to a second worker.
            "visibility_timeout": 900,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            # A click must not hang on a broker that is down: the sweep will find the row.
            "socket_connect_timeout": 2,
            "socket_timeout": 10,
            # Without these, kombu tries for `broker_connection_timeout` and longer, even where `retry` is False.
            "max_retries": 1,
            "interval_start": 0,
        },
        "task_time_limit": 600,
        "task_soft_time_limit": 570,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_ignore_result": True,
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "broker_connection_retry_on_startup": True,
        "timezone": "UTC",
        # Celery would close connections to the database before and after each task, whatever CONN_MAX_AGE says, and to
        # connect again takes longer than most of what a decision asks for. So they are kept as Django keeps them from
        # one request to the next: those that broke or are old are closed, the others are asked whether they live.
        "CELERY_DB_REUSE_MAX": sys.maxsize,
    }
)
task_prerun.connect(close_old_connections)
task_postrun.connect(close_old_connections)
# What waits for other people's servers and for disks has a queue and workers of its own, so that it never holds up a
# decision. A worker that is told of no queue sees to both.
app.conf.task_default_queue = "celery"
app.conf.task_queues = [Queue("celery"), Queue("outside")]
# The lowest goes first. What may wait by the thousand stands behind what beat sends: the sweeps would not get their
# turn before they are stale, safety nets among them, and of workers that are busy it would be said that there are none.
BEHIND = 3
app.conf.task_routes = {
    "cancellations.tasks.deliver": {"priority": BEHIND},
    "cancellations.tasks.end_of_sweep": {"priority": BEHIND},
    "cancellations.tasks.pull_shop": {"priority": BEHIND},
    "cancellations.pushes.process_pushes": {"priority": BEHIND},
    "cancellations.batch_work.work_batch": {"priority": BEHIND},
    "truth.tasks.compare": {"priority": BEHIND},
    "webhooks.tasks.deliver": {"queue": "outside", "priority": BEHIND},
    "exports.tasks.write_export": {"queue": "outside", "priority": BEHIND},
    "safety.tasks.sweep_tellings": {"queue": "outside"},
    "safety.tasks.deliver": {"queue": "outside"},
    "shops.tasks.heartbeat_outside": {"queue": "outside"},
}
# What comes every few seconds is thrown away when it has waited for long: while all workers are busy, sweeps would pile
# up, and each would send for the same decisions again.
STALE = {"expires": 30}
app.conf.beat_schedule = {
    "heartbeat": {"task": "shops.tasks.heartbeat", "schedule": 10.0, "options": STALE},
    "heartbeat outside": {"task": "shops.tasks.heartbeat_outside", "schedule": 10.0, "options": STALE},
    "sweep decisions": {"task": "cancellations.tasks.sweep_decisions", "schedule": 3.0, "options": STALE},
    "sweep batches": {"task": "cancellations.batch_work.sweep_batches", "schedule": 3.0, "options": STALE},
    "sweep exports": {"task": "exports.tasks.sweep_exports", "schedule": 5.0, "options": STALE},
    "remove ended exports": {"task": "exports.tasks.remove_ended_exports", "schedule": 3600.0},
    "pull due shops": {"task": "cancellations.tasks.pull_due_shops", "schedule": 3.0, "options": STALE},
    "sweep registrations": {"task": "shops.listening.sweep_registrations", "schedule": 10.0, "options": STALE},
    "sweep pushes": {"task": "cancellations.pushes.sweep_pushes", "schedule": 3.0, "options": STALE},
    "compare pushes and pulls": {"task": "cancellations.gaps.compare_pushes_and_pulls", "schedule": 60.0},
    "forget old pushes": {"task": "cancellations.pushes.forget_old_pushes", "schedule": 3600.0},
    "purge buyer data": {"task": "cancellations.forgetting.purge_buyer_data", "schedule": 3600.0},
    "purge evidence": {"task": "cancellations.forgetting.purge_evidence", "schedule": 3600.0},
    "forget ended sessions": {"task": "accounts.sessions.forget_ended", "schedule": 86_400.0},
    "forget old keys": {"task": "accounts.idempotency.forget_old_keys", "schedule": 3600.0},
    "forget client keys": {"task": "cancellations.tasks.forget_client_keys", "schedule": 3600.0},
    "forget old entries": {"task": "audit.tasks.forget_old_entries", "schedule": 3600.0},
    "forget old drafts": {"task": "cancellations.tasks.forget_old_drafts", "schedule": 3600.0},
    "forget proposals": {"task": "cancellations.batch_work.forget_proposals", "schedule": 3600.0},
    "forget uneventful runs": {"task": "shops.tasks.forget_uneventful_runs", "schedule": 3600.0},
    "pull shops": {"task": "shops.tasks.pull_shops", "schedule": 3600.0},
    "sweep connecting": {"task": "shops.connecting.attempts.sweep_connecting", "schedule": 3.0, "options": STALE},
    "warn of ends": {"task": "shops.staying.warn_of_ends", "schedule": 3600.0},
    "tell of near deadlines": {"task": "cancellations.nearing.tell_of_near_deadlines", "schedule": 60.0},
    "sweep webhooks": {"task": "webhooks.tasks.sweep", "schedule": 5.0, "options": STALE},
    "sweep truth checks": {"task": "truth.tasks.sweep_checks", "schedule": 60.0},
    "forget settled disagreements": {"task": "truth.tasks.forget_settled", "schedule": 3600.0},
    "sweep safety nets": {"task": "safety.tasks.sweep_nets", "schedule": 15.0, "options": STALE},
    "sweep tellings": {"task": "safety.tasks.sweep_tellings", "schedule": 15.0, "options": STALE},
    "look who is reached": {"task": "safety.tasks.look_who_is_reached", "schedule": 300.0},
    "forget old tellings": {"task": "safety.tasks.forget_old_tellings", "schedule": 3600.0},
    "forget old events": {"task": "shops.outgoing.forget_old_events", "schedule": 3600.0},
    "renew tokens": {"task": "shops.tasks.renew_tokens", "schedule": 300.0},
}
app.autodiscover_tasks()
app.autodiscover_tasks(related_name="batch_work")
app.autodiscover_tasks(related_name="pushes")
app.autodiscover_tasks(related_name="forgetting")
app.autodiscover_tasks(["accounts"], related_name="sessions")
app.autodiscover_tasks(["accounts"], related_name="idempotency")
app.autodiscover_tasks(related_name="listening")
app.autodiscover_tasks(related_name="gaps")
app.autodiscover_tasks(["shops.connecting"], related_name="attempts")
app.autodiscover_tasks(related_name="staying")
app.autodiscover_tasks(related_name="outgoing")
app.autodiscover_tasks(related_name="nearing")


@worker_init.connect
def keep_what_is_imported(**_: object) -> None:
    """It stays until the end, so that nobody need look through it for garbage: not this worker, nor its processes."""
    gc.collect()
    gc.freeze()

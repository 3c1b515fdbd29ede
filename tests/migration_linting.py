"""The product's settings as the linter of migrations needs them: see `./run check`.

A migration runs while webs and workers of the version before go on. So none takes away or renames what they use, adds a
column that they cannot leave out, or keeps them waiting for longer than it takes to read a table once.
"""

from config.settings import *  # noqa: F403

INSTALLED_APPS.append("django_migration_linter")  # noqa: F405

# Written before there was a linter, none later than 2026-11-21; not to be added to. What each locks is in
# docs/operations.md as far as somebody may still have to run it.
ACCEPTED = {
    "0002_a_marketplace_that_shows_no_requests": "indexes of requests and orders, before anybody had many",
    "0002_entries_stay": "an index of the log, which was as young as its table",
    "0002_find_first_due": "an index for another on deliveries, which are kept for 30 days",
    "0003_who_is_on_it": "indexes of requests for columns that it adds, so both are empty",
    "0004_evidence_uploaded_ahead": "unique for a column that it adds; evidence is hundreds of rows",
    "0004_knox_keeps_no_table": "the table was ours by another name since accounts/0003, and empty",
    "0005_erasing_buyers_data": "an index of orders for a column that it adds, so it is empty",
    "0005_permissions": "unique for a column that it adds; memberships are dozens of rows",
    "0006_saved_views": "an index of the table that it makes",
    "0007_pushes_and_health": "an index of runs that failed, of which few are kept",
    "0010_pushes_are_acted_on": "an index of pushes, which are kept for 30 days",
    "0011_a_second_person": "one constraint for a wider one; decisions wait while it is read once",
    "0012_keeping_less": "indexes of evidence and of pushes, which are few",
    "0013_decisions_know_who_asked": "unique for a column that it adds; decisions wait while it is read once",
    "0015_what_pushes_say_and_photos_from_the_bench": "unique for a column that it adds; evidence and pushes are few",
}

MIGRATION_LINTER_OPTIONS = {
    "include_apps": "audit accounts shops orders cancellations truth safety gate exports webhooks".split(),
    "ignore_name": list(ACCEPTED),
    "project_root_path": str(BASE_DIR),  # noqa: F405
    "no_cache": True,
    "quiet": ["ok", "ignore"],
}

"""The dump takes the place of what is in the database, in one transaction: all of it, or nothing."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from django.db import connection

from backups.programs import BackupProblem, Programs, address, environment

# All that is ours goes, tables that the copy does not know too.
EMPTY = """
BEGIN;
DO $$ DECLARE one text; BEGIN
    FOR one IN SELECT oid::regclass FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    LOOP EXECUTE format('DROP TABLE IF EXISTS %s CASCADE', one); END LOOP;
    FOR one IN SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    LOOP EXECUTE format('DROP ROUTINE IF EXISTS %s CASCADE', one); END LOOP;
END $$;
"""
# Whatever becomes of the steps that follow: from its first moment on, nothing in this database is sent unasked, no
# worker that may be alive finds anything to do before they are done, and nobody is signed in. Of columns and states
# that every version has. Safety nets are off; what psql says (\o ends the silence) are the shops in which they were on.
SAFE = r"""
SET search_path = public;
UPDATE cancellations_decision SET is_outcome_unknown = true WHERE state IN ('recorded', 'sending', 'stalled');
UPDATE cancellations_decision SET due_at = now() + interval '1 day', claim = NULL
    WHERE state IN ('recorded', 'sending', 'accepted');
UPDATE cancellations_batch SET due_at = now() + interval '1 day'
    WHERE started_at IS NOT NULL AND finished_at IS NULL;
DELETE FROM django_session;
\o
SELECT to_regclass('safety_safetynet') IS NOT NULL AS has_nets \gset
\if :has_nets
UPDATE safety_safetynet SET is_on = false WHERE is_on RETURNING shop_id;
\endif
COMMIT;
"""
NEWER_THAN = {17: b"SET transaction_timeout"}  # what an older server does not know; it is 0 there anyway
FIRST_LINES = 60


def load(dump: Path, programs: Programs, server: int) -> list[int]:
    """Returns the shops whose safety nets were on. Raises BackupProblem, and then the database is as it was."""
    own = environment()
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as had_nets:
        how = ("--no-owner", "--no-privileges", "--file=-", str(dump))
        read = programs.command("pg_restore", *how)
        write = programs.command(
            "psql", "--no-psqlrc", "--quiet", "--tuples-only", "--set=ON_ERROR_STOP=1", "--output=/dev/null", address()
        )
        connection.close()  # its locks would be waited for
        with (
            subprocess.Popen(read, stdout=subprocess.PIPE, stderr=told) as reader,
            subprocess.Popen(write, stdin=subprocess.PIPE, stdout=had_nets, stderr=told, env=own) as writer,
        ):
            assert reader.stdout
            assert writer.stdin
            try:
                writer.stdin.write(EMPTY.encode())
                for _number in range(FIRST_LINES):
                    line = reader.stdout.readline()
                    if not any(server < major and line.startswith(word) for major, word in NEWER_THAN.items()):
                        writer.stdin.write(line)
                shutil.copyfileobj(reader.stdout, writer.stdin)
                if reader.wait() == 0:  # without the COMMIT nothing has happened
                    writer.stdin.write(SAFE.encode())
                writer.stdin.close()
            except BrokenPipeError:
                reader.kill()
        if reader.returncode or writer.returncode:
            told.seek(0)
            words = told.read().decode(errors="replace").strip()[-2000:]
            raise BackupProblem(f"The dump could not be loaded, so the database is as it was: {words}")
        had_nets.seek(0)
        return [int(shop) for shop in had_nets.read().split()]

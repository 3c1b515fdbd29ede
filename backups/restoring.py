"""Going back to a copy, so that nothing is sent twice afterwards and everybody is told what came back with it."""

import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from allauth.usersessions.models import UserSession
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone
from redis.exceptions import RedisError

from accounts.models import ApiToken, User
from accounts.tokens import end_token
from audit import log
from backups import archive, loading
from backups.archive import DUMP, MEDIA, Manifest
from backups.programs import BackupProblem, Programs, programs_for, server_major
from backups.taking import KNOWN
from cancellations import restored
from cancellations.models import Decision
from safety import nets
from shops import heartbeat
from shops.models import Connection, Shop

# Rows made since the copy had numbers that others may have noted: those are given to no other row.
NUMBERS_LEFT_OUT = 1_000_000
NAMES = {heartbeat.BEAT: "The beat", heartbeat.WORKER: "A worker", heartbeat.OUTSIDE: "A worker of the queue “outside”"}


@dataclass(frozen=True)
class Restored:
    """What came back, for who has to look after it."""

    manifest: Manifest
    doubtful: restored.Doubtful
    sessions: int
    tokens: list[str]
    nets: list[str]
    connections: list[str]

    @property
    def copied_at(self) -> datetime:
        return datetime.fromisoformat(self.manifest.made_at)


def restore(path: Path, *, replace: bool = False, while_running: bool = False, keep_tokens: bool = False) -> Restored:
    """Put the database and the media back as they are in this file. Raises BackupProblem.

    Everything is looked at before anything is touched. The media come first, and none is deleted; the database is
    replaced in one transaction. `replace` is asked for where there are data, `while_running` where a process of the
    product may still be alive.
    """
    manifest = archive.verified(path)
    must_open(manifest)
    must_know(manifest)
    programs = programs_for(max(server_major(), manifest.programs))
    must_not_be_older(manifest)
    if not while_running:
        must_be_alone()
    if not replace:
        must_be_empty()
    must_have_space(manifest)
    had_nets = put_back(path, programs)
    call_command("migrate", interactive=False, verbosity=0)
    return look_after(manifest, had_nets, keep_tokens=keep_tokens)


# --- before anything is touched ---------------------------------------------------------------------------------------


def must_open(manifest: Manifest) -> None:
    """Secrets in the copy are encrypted, and the keys are not in it."""
    keys = settings.FIELD_ENCRYPTION_KEYS
    lacking = sum(not any(opens(key, token) for key in keys) for token in manifest.keys)
    if lacking:
        raise BackupProblem(
            f"FIELD_ENCRYPTION_KEYS lacks {lacking} of the {len(manifest.keys)} keys that this copy's secrets were "
            "written with. Add what was there then, after the key of now. Nothing was touched."
        )


def opens(key: str, token: str) -> bool:
    try:
        return Fernet(key).decrypt(token.encode()) == KNOWN
    except InvalidToken:
        return False


def must_know(manifest: Manifest) -> None:
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations or ()}
    ours = {name.partition(".")[0] for name in known}
    strange = [name for name in manifest.migrations if name not in known and name.partition(".")[0] in ours]
    if strange:
        raise BackupProblem(
            f"This copy is of a newer version ({manifest.version}), with migrations that are not known here: "
            f"{', '.join(strange[:5])}. Restore it with that version."
        )


def must_not_be_older(manifest: Manifest) -> None:
    if server_major() < manifest.server:
        raise BackupProblem(
            f"This copy is of PostgreSQL {manifest.server}; the server here is {server_major()}, which is older."
        )


def must_be_alone() -> None:
    for who, name in NAMES.items():
        seen = heartbeat.last_seen(who)
        if seen and not heartbeat.silence(who):
            seconds = int((timezone.now() - seen).total_seconds())
            raise BackupProblem(
                f"{name} was seen {seconds} seconds ago. Stop web, workers and beat and try again after a minute; "
                "--while-running where you know that none runs."
            )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'"
        )
        (others,) = cursor.fetchone()
    if others:
        raise BackupProblem(
            f"Others are connected to this database ({others}). Stop web, workers and beat; --while-running where you "
            "know who they are."
        )


def must_be_empty() -> None:
    tables = connection.introspection.table_names()
    kept = [model for model in (User, Shop, Decision) if model._meta.db_table in tables and model.objects.exists()]
    if kept:
        raise BackupProblem(
            "There are data in this database. --replace puts the copy in their place; take a copy of them first."
        )


def must_have_space(manifest: Manifest) -> None:
    """For the media and, beside them, the unpacked dump. What the database needs, its server says."""
    root = Path(settings.MEDIA_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free
    if free < manifest.bytes:
        raise BackupProblem(
            f"There is no space left: {manifest.bytes} bytes are needed in {root}, {free} are free. Nothing was "
            "touched."
        )


# --- the way back -----------------------------------------------------------------------------------------------------


def put_back(path: Path, programs: Programs) -> list[int]:
    """First the media, so that no row is without its picture. Returns the shops whose safety nets were on."""
    root = Path(settings.MEDIA_ROOT)
    with archive.reading(path) as tar, tempfile.TemporaryDirectory(prefix=".restore-", dir=root) as workshop:
        dump = Path(workshop) / DUMP
        for member in tar:
            if member.name == DUMP:
                unpack(tar, member, dump)
            elif member.name.startswith(f"{MEDIA}/"):
                target = root / PurePosixPath(member.name).relative_to(MEDIA)
                target.parent.mkdir(parents=True, exist_ok=True)
                draft = Path(workshop) / "file"
                unpack(tar, member, draft)
                draft.replace(target)
        return loading.load(dump, programs, server_major())


def unpack(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = tar.extractfile(member)
    assert source
    with target.open("wb") as file:
        shutil.copyfileobj(source, file, archive.PIECE)


# --- afterwards -------------------------------------------------------------------------------------------------------


def look_after(manifest: Manifest, had_nets: list[int], *, keep_tokens: bool) -> Restored:
    now = timezone.now()
    with transaction.atomic():
        doubtful = restored.send_nothing_twice(datetime.fromisoformat(manifest.made_at))
        UserSession.objects.all().delete()
        sessions, _by_model = Session.objects.all().delete()
        alive = list(ApiToken.objects.alive().select_related("user").order_by("user__email", "name"))
        if not keep_tokens:
            for token in alive:
                end_token(token)
        switched_off = nets.note_switched_off(had_nets)
        Shop.objects.update(next_pull_at=now)
        leave_numbers_out()
        log.write(
            "backup.restored",
            after={
                "made_at": manifest.made_at, "version": manifest.version, "decisions": doubtful.decisions,
                "batch_items": doubtful.batch_items, "tokens": 0 if keep_tokens else len(alive),
            },
        )  # fmt: skip
    with suppress(RedisError, OSError):
        cache.clear()  # of rows that are no more
    connected = Connection.objects.filter(state=Connection.State.CONNECTED).order_by("pk")
    return Restored(
        manifest, doubtful, sessions, [told(token) for token in alive], [str(shop) for shop in switched_off],
        [str(one) for one in connected],
    )  # fmt: skip


def told(token: ApiToken) -> str:
    return f"{token.user}: {token.name or token.token_key}"


def leave_numbers_out() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(format('%%I.%%I', schemaname, sequencename)::regclass, "
            "coalesce(last_value, start_value) + %s) FROM pg_sequences WHERE schemaname = 'public' "
            "AND max_value > coalesce(last_value, start_value) + %s * 100",
            [NUMBERS_LEFT_OUT, NUMBERS_LEFT_OUT],
        )


def words(done: Restored, *, keep_tokens: bool) -> Iterator[str]:
    """What whoever restored has to know and to do, in the order in which it is to be done."""
    yield f"This is the copy of {done.copied_at:%Y-%m-%d %H:%M} UTC: " + counted(done.manifest.counts.items())
    if missing := done.manifest.missing:
        yield f"Pictures that were gone when it was made: {len(missing)}, such as {missing[0]}"
    if done.doubtful.decisions:
        yield (
            f"Decisions that were not settled then: {done.doubtful.decisions}. The marketplace is asked about each "
            "before anything is sent; what it does not show as done waits for somebody in the queue."
        )
    if done.doubtful.batch_items:
        yield (
            f"Requests of batches that were not decided then: {done.doubtful.batch_items}. They are left alone; the "
            "batch can be tried again."
        )
    if done.nets:
        yield (
            "Safety nets that were on are switched off, since somebody may have switched them off, or taken back what "
            "they decided: " + "; ".join(done.nets) + ". Once every shop was read, their managers switch them on again."
        )
    yield "Everybody has to sign in again. Passwords, second factors, members and their roles are as they were then."
    if done.tokens and keep_tokens:
        yield "These API tokens work again, though somebody may have ended them since: " + "; ".join(done.tokens)
    elif done.tokens:
        yield "These API tokens were ended, since somebody may have ended them before: " + "; ".join(done.tokens)
    if done.connections:
        yield (
            "Connections have the secrets of then. Where the marketplace has given out new ones since, the shop says "
            "that it has to be connected again: " + "; ".join(done.connections)
        )
    yield "Buyers who were forgotten on request since are known again: ./run forget_buyer, once more."
    yield "Endpoints of webhooks are those of then; what was on its way is sent again, with the same ids."
    yield "Start the workers and the beat first, and the webs once the page of health shows that every shop was read."


def counted(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts)

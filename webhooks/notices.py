"""Letters to owners whose endpoint does not answer any more."""

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.utils import translation
from django.utils.translation import gettext as _

from webhooks.models import Endpoint

logger = structlog.get_logger(__name__)


def write_due() -> None:
    for endpoint in Endpoint.objects.filter(is_mail_due=True).without_secrets().select_related("owner"):
        # Claimed before it is sent: rather one letter too few than one every few seconds.
        if Endpoint.objects.filter(pk=endpoint.pk, is_mail_due=True).update(is_mail_due=False):
            write(endpoint)


def write(endpoint: Endpoint) -> None:
    """In the owner's language; of the address only the host, for letters are read by many."""
    owner = endpoint.owner
    with translation.override(owner.language or translation.get_language()):
        subject = _("%(name)s does not take webhooks any more") % {"name": endpoint.name}
        body = {
            Endpoint.State.DEAD: _(
                "The endpoint “%(name)s” at %(host)s has taken nothing for a day. It is now tried once an hour; "
                "what happens meanwhile waits, and goes out in order when it answers again."
            ),
            Endpoint.State.GONE: _(
                "The endpoint “%(name)s” at %(host)s has answered that it wants no more webhooks (410 Gone), so "
                "nothing is sent there any more."
            ),
        }.get(Endpoint.State(endpoint.state))
        if body is None or not owner.is_active:
            return
        text = body % {"name": endpoint.name, "host": endpoint.host}
        if settings.PUBLIC_URL:
            text += f"\n\n{settings.PUBLIC_URL}{endpoint.get_absolute_url()}"
        try:
            send_mail(" ".join(subject.split()), text, None, [owner.email])
        except OSError as error:
            logger.warning("notice.not_mailed", endpoint=endpoint.pk, error=str(error))

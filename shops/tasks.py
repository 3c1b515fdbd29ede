from celery import shared_task

from shops import tokens


@shared_task
def renew_tokens() -> None:
    tokens.renew_due_tokens()

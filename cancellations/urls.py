from django.urls import path

from cancellations import webhook
from cancellations.models import Verdict
from cancellations.views import (
    announcements,
    batches,
    decision,
    evidence,
    items,
    queue,
    recording,
    request,
    teamwork,
    verdicts,
)

app_name = "cancellations"
urlpatterns = [
    path("", queue.queue, name="queue"),
    path("announcements/", announcements.announcements, name="announcements"),
    path("announcements/<int:pk>/handle/", announcements.handle, name="handle"),
    path("cancellations/record/", recording.record, name="record"),
    path("orders/<int:pk>/record-request/", recording.record_request, name="record_request"),
    path("cancellations/<int:pk>/", request.cancellation, name="cancellation"),
    path("cancellations/<int:pk>/next/", queue.next_request, name="next"),
    path("cancellations/<int:pk>/close/", request.close, name="close"),
    path("cancellations/<int:pk>/claim/", teamwork.claim, name="claim"),
    path("cancellations/<int:pk>/take-over/", teamwork.take_over, name="take_over"),
    path("cancellations/<int:pk>/let-go/", teamwork.let_go, name="let_go"),
    path("cancellations/<int:pk>/assign/", teamwork.assign, name="assign"),
    path("cancellations/<int:pk>/note/", teamwork.note, name="note"),
    path("cancellations/<int:pk>/approve/", verdicts.decide, {"verdict": Verdict.APPROVE}, name="approve"),
    path("cancellations/<int:pk>/reject/", verdicts.decide, {"verdict": Verdict.REJECT}, name="reject"),
    path("cancellations/<int:pk>/ship/", verdicts.decide, {"verdict": Verdict.SHIP_TO_REJECT}, name="ship"),
    path("batches/", batches.all_batches, name="batches"),
    path("batches/<int:pk>/", batches.batch, name="batch"),
    path("batches/<int:pk>/take-back/", batches.take_back, name="take_back_batch"),
    path("batches/<int:pk>/try-again/", batches.try_again, name="try_batch_again"),
    path("decisions/<int:pk>/", decision.decision, name="decision"),
    path("decisions/<int:pk>/undo/", decision.undo, name="undo"),
    path("decisions/<int:pk>/ask-again/", decision.ask_again, name="ask_again"),
    path("decisions/<int:pk>/set-aside/", decision.set_aside, name="set_aside"),
    path("cancellations/<int:pk>/evidence/", evidence.add, name="add_evidence"),
    path("evidence/<int:pk>/", evidence.evidence, name="evidence"),
    path("evidence/<int:pk>/thumbnail/", evidence.thumbnail, name="thumbnail"),
    path("evidence/<int:pk>/remove/", evidence.remove, name="remove_evidence"),
    path("orders/<int:pk>/history/", request.order_history, name="order_history"),
    path("orders/<int:pk>/cancel-items/", items.cancel_items, name="cancel_items"),
    path("orders/<int:pk>/cancel-items/refund/", items.refund, name="refund"),
    path("orders/<int:pk>/cancel-items/offer/", items.items_offer, name="items_offer"),
    path("webhooks/<slug:marketplace>/", webhook.webhook, name="webhook"),
]

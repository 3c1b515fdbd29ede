from django.urls import path

from cancellations import views, webhook
from cancellations.models import Verdict

app_name = "cancellations"
urlpatterns = [
    path("", views.queue, name="queue"),
    path("cancellations/<int:pk>/", views.cancellation, name="cancellation"),
    path("cancellations/<int:pk>/approve/", views.decide, {"verdict": Verdict.APPROVE}, name="approve"),
    path("cancellations/<int:pk>/reject/", views.decide, {"verdict": Verdict.REJECT}, name="reject"),
    path("cancellations/<int:pk>/ship/", views.decide, {"verdict": Verdict.SHIP_TO_REJECT}, name="ship"),
    path("decisions/<int:pk>/", views.decision, name="decision"),
    path("decisions/<int:pk>/undo/", views.undo, name="undo"),
    path("decisions/<int:pk>/ask-again/", views.ask_again, name="ask_again"),
    path("decisions/<int:pk>/set-aside/", views.set_aside, name="set_aside"),
    path("evidence/<int:pk>/", views.evidence, name="evidence"),
    path("orders/<int:pk>/cancel-items/", views.cancel_items, name="cancel_items"),
    path("orders/<int:pk>/cancel-items/refund/", views.refund, name="refund"),
    path("orders/<int:pk>/cancel-items/offer/", views.items_offer, name="items_offer"),
    path("webhooks/<slug:marketplace>/", webhook.webhook, name="webhook"),
]

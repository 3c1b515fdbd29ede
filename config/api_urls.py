from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter

from cancellations.api.announcements import AnnouncementViewSet
from cancellations.api.audit import AuditViewSet
from cancellations.api.batches import BatchItemViewSet, BatchViewSet
from cancellations.api.decisions import DecisionViewSet
from cancellations.api.evidence import EvidenceViewSet, RequestEvidenceViewSet
from cancellations.api.health import HealthView, ShopHealthView
from cancellations.api.items import EligibilityView, RefundPreviewView
from cancellations.api.requests import CancellationViewSet, OrderCancelOptionsView
from cancellations.api.teamwork import (
    AssigneeView,
    CancellationHistoryView,
    ClaimView,
    NoteViewSet,
    OrderHistoryView,
)
from config.api.browsing import SchemaView, redoc, swagger
from config.api.problems import NowhereView
from exports.api import ExportViewSet
from gate.api import GateOrderView, GateView, PullTaskDoneView, PullTasksView
from orders.api import OrderViewSet
from orders.reconciling import CancelledLineViewSet
from safety.api import LadderView, SafetyNetView, TellingViewSet
from shops.api import ShopViewSet, SyncRunViewSet
from truth.api import DisagreementViewSet, ShopTruthView
from webhooks.api import DeliveryViewSet, EndpointViewSet

router = SimpleRouter()
router.register("shops", ShopViewSet, "shop")
router.register(r"shops/(?P<shop_pk>\d{1,19})/sync-runs", SyncRunViewSet, "sync-run")
router.register("orders", OrderViewSet, "order")
router.register("cancellations", CancellationViewSet, "cancellation")
router.register(r"cancellations/(?P<cancellation_pk>\d{1,19})/evidence", RequestEvidenceViewSet, "request-evidence")
router.register(r"cancellations/(?P<cancellation_pk>\d{1,19})/notes", NoteViewSet, "note")
router.register("evidence", EvidenceViewSet, "evidence")
router.register("batches", BatchViewSet, "batch")
router.register(r"batches/(?P<batch_pk>\d{1,19})/items", BatchItemViewSet, "batch-item")
router.register("decisions", DecisionViewSet, "decision")
router.register("announcements", AnnouncementViewSet, "announcement")
router.register("audit", AuditViewSet, "audit")
router.register("cancelled-lines", CancelledLineViewSet, "cancelled-line")
router.register("endpoints", EndpointViewSet, "endpoint")
router.register("deliveries", DeliveryViewSet, "delivery")
router.register("disagreements", DisagreementViewSet, "disagreement")
router.register("exports", ExportViewSet, "export")
router.register("tellings", TellingViewSet, "telling")

app_name = "api"
urlpatterns = [
    path("v1/schema/", SchemaView.as_view(), name="schema"),
    path("v1/docs/", swagger, name="docs"),
    path("v1/redoc/", redoc, name="redoc"),
    path("v1/orders/<int:pk>/cancel-options/", OrderCancelOptionsView.as_view(), name="order-cancel-options"),
    path("v1/orders/<int:pk>/eligibility/", EligibilityView.as_view(), name="order-eligibility"),
    path("v1/orders/<int:pk>/refund-preview/", RefundPreviewView.as_view(), name="order-refund-preview"),
    path("v1/orders/<int:pk>/history/", OrderHistoryView.as_view(), name="order-history"),
    path("v1/cancellations/<int:pk>/history/", CancellationHistoryView.as_view(), name="cancellation-history"),
    path("v1/cancellations/<int:pk>/claim/", ClaimView.as_view(), name="cancellation-claim"),
    path("v1/cancellations/<int:pk>/assignee/", AssigneeView.as_view(), name="cancellation-assignee"),
    path("v1/gate/", GateView.as_view(), name="gate"),
    path("v1/gate/<str:code>/", GateOrderView.as_view(), name="gate-order"),
    path("v1/pull-tasks/", PullTasksView.as_view(), name="pull-tasks"),
    path("v1/pull-tasks/<int:pk>/done/", PullTaskDoneView.as_view(), name="pull-task-done"),
    path("v1/health/", HealthView.as_view(), name="health"),
    path("v1/shops/<int:pk>/truth/", ShopTruthView.as_view(), name="shop-truth"),
    path("v1/shops/<int:pk>/safety-net/", SafetyNetView.as_view(), name="safety-net"),
    path("v1/shops/<int:pk>/ladder/", LadderView.as_view(), name="ladder"),
    path("v1/shops/<int:pk>/health/", ShopHealthView.as_view(), name="shop-health"),
    path("v1/", include(router.urls)),
    re_path("", NowhereView.as_view()),
]

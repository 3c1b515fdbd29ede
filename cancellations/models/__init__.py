"""Cancellation requests, what staff decided about them, and what happened."""

from cancellations.models.batches import Batch, BatchItem, BatchItemQuerySet, BatchQuerySet, Result
from cancellations.models.decisions import Attempt, Decision, DecisionLine, DecisionQuerySet, Evidence, Verdict
from cancellations.models.history import Announcement, AnnouncementQuerySet, Event, PushedNotification
from cancellations.models.requests import CancellationLine, CancellationQuerySet, CancellationRequest, TimeLeft
from cancellations.models.saved import SavedView, SavedViewQuerySet
from cancellations.models.teamwork import Claim, Note
from cancellations.models.templates import CommentTemplate, CommentTemplateQuerySet, Language

__all__ = [
    "Announcement",
    "AnnouncementQuerySet",
    "Attempt",
    "Batch",
    "BatchItem",
    "BatchItemQuerySet",
    "BatchQuerySet",
    "CancellationLine",
    "CancellationQuerySet",
    "CancellationRequest",
    "Claim",
    "CommentTemplate",
    "CommentTemplateQuerySet",
    "Decision",
    "DecisionLine",
    "DecisionQuerySet",
    "Event",
    "Evidence",
    "Language",
    "Note",
    "PushedNotification",
    "Result",
    "SavedView",
    "SavedViewQuerySet",
    "TimeLeft",
    "Verdict",
]

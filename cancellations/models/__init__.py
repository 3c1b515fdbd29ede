"""Cancellation requests, what staff decided about them, and what happened."""

from cancellations.models.decisions import Attempt, Decision, DecisionLine, DecisionQuerySet, Evidence, Verdict
from cancellations.models.history import Announcement, AnnouncementQuerySet, Event, PushedNotification
from cancellations.models.requests import CancellationLine, CancellationQuerySet, CancellationRequest, TimeLeft
from cancellations.models.teamwork import Claim, Note

__all__ = [
    "Announcement",
    "AnnouncementQuerySet",
    "Attempt",
    "CancellationLine",
    "CancellationQuerySet",
    "CancellationRequest",
    "Claim",
    "Decision",
    "DecisionLine",
    "DecisionQuerySet",
    "Event",
    "Evidence",
    "Note",
    "PushedNotification",
    "TimeLeft",
    "Verdict",
]

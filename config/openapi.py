"""How drf-spectacular describes the API; read by the settings."""

from typing import Any

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Countermand API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "CancellationState": "cancellations.models.CancellationRequest.State",
        "DecisionState": "cancellations.models.Decision.State",
        "SyncRunState": "shops.models.SyncRun.State",
        "ConnectionState": "shops.models.Connection.State",
        "Verdict": "cancellations.models.Verdict",
        "PullTaskState": "gate.models.PullTask.State",
        "EndpointState": "webhooks.models.Endpoint.State",
        "GateVerdict": "gate.reasons.Verdict",
        "GateReason": "gate.reasons.Reason",
        "ExportKind": "exports.models.ExportKind",
        "DeliveryState": "webhooks.models.Delivery.State",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.api.schema.with_manners",
        "config.api.explained.with_examples",
        "webhooks.schema.describe_events",
    ],
    # The validator's badge would tell a stranger's server where we are.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
}

"""What a call has to pass before anybody looks at its meaning, in this order: path, token, method, kind of
organization, permission, content type, body. The documentation lists the codes but not their order."""

from __future__ import annotations

from datetime import datetime

from sandbox.crux_timp import routes
from sandbox.crux_timp.bodies import Fields, read_object
from sandbox.crux_timp.call import Call, RawCall
from sandbox.crux_timp.refusals import Refusal
from sandbox.crux_timp.routes import Endpoint, Route
from sandbox.crux_timp.switches import CruxTimpSwitches
from sandbox.crux_timp.tokens import Tokens

LOGIN = "user-login"


class Gateway:
    def __init__(self, switches: CruxTimpSwitches, tokens: Tokens) -> None:
        self.switches, self.tokens = switches, tokens

    def route(self, path: str) -> Route:
        """Refuses a path nobody answers; malformed UUIDs in it are part of that by default."""
        switches = self.switches
        try:
            route = routes.find(path, unpublished=switches.unpublished)
        except Refusal:
            if switches.missing_slash == 301 and not path.endswith("/"):
                routes.find(path + "/", unpublished=switches.unpublished)
                raise Refusal(301, headers={"Location": f"/crux{path}/"}) from None
            raise
        if switches.malformed_uuid == 404 and not routes.names_are_uuids(route.names):
            raise Refusal(404)
        return route

    def admit(self, raw: RawCall, route: Route, request_id: str, now: datetime) -> Call:
        """Everything from the token to the content type."""
        any_call = next(iter(route.calls.values()))
        user = None
        if any_call.slug != LOGIN:
            user = self.tokens.owner(raw.headers.get("authorization"), int(now.timestamp()))
        if raw.method not in route.calls:
            raise Refusal(405, headers={"Allow": ", ".join(sorted(route.calls))})
        call = Call(raw, route.calls[raw.method], route.names, request_id, now, user)
        checks = {"type": self._check_kind, "permission": self._check_permission, "media": self._check_media}
        for name in self.switches.check_order.split("_"):
            checks[name](call)
        return call

    def read_body(self, call: Call) -> Fields:
        """Also refuses a malformed UUID of the path where that is no matter of the path."""
        kind, body = call.endpoint.body, call.raw.body
        if not routes.names_are_uuids(call.names):
            raise Refusal(self.switches.malformed_uuid)
        if kind == "none" or (kind == "optional" and not body):
            return Fields({})
        return read_object(body)

    def _check_kind(self, call: Call) -> None:
        if call.endpoint.only and call.organization.kind != call.endpoint.only:
            raise Refusal(409)

    def _check_permission(self, call: Call) -> None:
        needed = set(self._permissions(call.endpoint))
        if needed and not needed <= call.by.permissions:
            raise Refusal(403)

    def _permissions(self, endpoint: Endpoint) -> tuple[str, ...]:
        if not endpoint.is_decision:
            return endpoint.permissions
        return {"none": ()}.get(self.switches.decision_permission, (self.switches.decision_permission,))

    def _check_media(self, call: Call) -> None:
        """A type is needed for a body only, unless it is demanded of the decisions always."""
        demanded = call.endpoint.is_decision and self.switches.decision_content_type == "required"
        media = call.raw.headers.get("content-type", "").partition(";")[0].strip().lower()
        if (call.raw.body or demanded) and media != "application/json":
            raise Refusal(415)

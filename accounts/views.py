from allauth.usersessions.internal.flows.sessions import end_sessions
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms import ProfileForm
from accounts.models import User


@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """A person's own name, time zone and language."""
    assert isinstance(request.user, User)
    # Of its own, so that what was mistyped is not shown as the name at the top of the page.
    person = User.objects.get(pk=request.user.pk)
    form = ProfileForm(request.POST or None, instance=person)
    if form.is_valid():
        form.save()
        with translation.override(person.language or translation.get_language()):  # the one of the next page
            messages.success(request, _("Saved."))
        return redirect("accounts:profile")
    return render(request, "accounts/profile.html", {"form": form}, status=422 if form.is_bound else 200)


@require_POST
def end_session(request: HttpRequest, pk: int) -> HttpResponse:
    end_sessions(request, [get_object_or_404(UserSession, pk=pk, user=request.user.pk)])
    messages.success(request, _("That session is signed out."))
    return redirect("usersessions_list")

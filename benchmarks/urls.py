"""All addresses of the product, and those of the peers and limits that are measured beside it."""

from django.urls import include, path

from benchmarks import bare, peer_admin

urlpatterns = [
    path("peer/", peer_admin.site.urls),
    path("bare/", bare.page),
    path("bare/rows/", bare.rows),
    path("api/v1/bare/", bare.Bare.as_view()),
    path("", include("config.urls")),
]

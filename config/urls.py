from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("cancellations.urls")),
    path("gate/", include("gate.urls")),
    path("exports/", include("exports.urls")),
    path("safety/", include("safety.urls")),
    path("endpoints/", include("webhooks.urls")),
    path("truth/", include("truth.urls")),
    path("orders/", include("orders.urls")),
    path("shops/", include("shops.urls")),
    path("accounts/", include("accounts.urls")),
    path("accounts/", include("accounts.sign_in_urls")),
    path("admin/", admin.site.urls),
    path("api/", include("config.api_urls")),
]
handler400 = "config.api.problems.not_understood"
handler500 = "config.api.problems.broken"

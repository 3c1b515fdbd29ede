from django.urls import path

from shops.views import shops

app_name = "shops"
urlpatterns = [
    path("", shops.shop_list, name="list"),
    path("<int:pk>/", shops.shop, name="shop"),
    path("<int:pk>/rules/", shops.rules, name="rules"),
    path("<int:pk>/sync/", shops.sync, name="sync"),
    path("<int:pk>/runs/", shops.runs, name="runs"),
]

from django.urls import path

from shops import views

app_name = "shops"
urlpatterns = [
    path("", views.shop_list, name="list"),
    path("<int:pk>/", views.shop, name="shop"),
    path("<int:pk>/rules/", views.rules, name="rules"),
    path("<int:pk>/sync/", views.sync, name="sync"),
    path("<int:pk>/runs/", views.runs, name="runs"),
]

from django.urls import path

from shops.views import members, pushes, shops

app_name = "shops"
urlpatterns = [
    path("", shops.shop_list, name="list"),
    path("<int:pk>/", shops.shop, name="shop"),
    path("<int:pk>/rules/", shops.rules, name="rules"),
    path("<int:pk>/sync/", shops.sync, name="sync"),
    path("<int:pk>/runs/", shops.runs, name="runs"),
    path("<int:pk>/pushes/", pushes.pushes, name="pushes"),
    path("<int:pk>/pushes/register/", pushes.register, name="register_pushes"),
    path("<int:pk>/pushes/remove/", pushes.remove, name="remove_pushes"),
    path("<int:pk>/members/", members.members, name="members"),
    path("members/<int:pk>/", members.member, name="member"),
    path("members/<int:pk>/remove/", members.remove, name="remove_member"),
]

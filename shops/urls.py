from django.urls import path

from shops.views import connect, members, pushes, shops

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
    path("connect/", connect.connect, name="connect"),
    path("connect/ask/<int:pk>/", connect.ask, name="ask"),
    path("connect/app/<slug:slug>/<slug:audience>/", connect.app, name="app"),
    path("connect/attempts/<uuid:pk>/", connect.attempt, name="attempt"),
    path("connect/attempts/<uuid:pk>/choose/", connect.choose, name="choose"),
    path("connect/attempts/<uuid:pk>/again/", connect.again, name="again"),
    path("connect/<slug:slug>/back/", connect.consent_back, name="consent_back"),
    path("connect/<slug:slug>/sign-in/", connect.sign_in, name="sign_in"),
    path("<int:pk>/renew/", connect.renew, name="renew"),
    path("<int:pk>/renew/sign-in/", connect.renew_sign_in, name="renew_sign_in"),
]

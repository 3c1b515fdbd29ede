from django.urls import path

from safety import views

app_name = "safety"
urlpatterns = [
    path("<int:pk>/", views.shop, name="shop"),
    path("<int:pk>/net/", views.net, name="net"),
    path("<int:pk>/net/off/", views.switch_off, name="switch_off"),
    path("<int:pk>/ladder/", views.ladder, name="ladder"),
    path("<int:pk>/chat/", views.chat, name="chat"),
    path("<int:pk>/test/", views.test, name="test"),
    path("all-shops/", views.all_shops, name="all_shops"),
    path("all-shops/chat/", views.chat_of_all, name="chat_of_all"),
    path("notices/", views.notices, name="notices"),
    path("notices/read/", views.read_notices, name="read_notices"),
]

from django.urls import path

from gate import views

app_name = "gate"
urlpatterns = [
    path("", views.gate, name="gate"),
    path("to-pull/", views.pull_list, name="to_pull"),
    path("orders/<int:pk>/pulled/", views.pulled, name="pulled"),
]

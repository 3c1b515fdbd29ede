"""How English pages write days, where Django's own way is another."""

DATE_FORMAT = "F j, Y"
SHORT_DATE_FORMAT = "j M Y"
MONTH_DAY_FORMAT = "j M"

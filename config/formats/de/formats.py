"""How German pages write days, where Django's own way is another."""

SHORT_DATE_FORMAT = "j. M Y"
MONTH_DAY_FORMAT = "j. M"

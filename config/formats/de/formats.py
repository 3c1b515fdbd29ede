"""How German pages write days, where Django's own way is another."""

SHORT_DATE_FORMAT = "j. N Y"
MONTH_DAY_FORMAT = "j. N"

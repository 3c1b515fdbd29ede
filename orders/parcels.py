"""Which of an order's packages still have to leave the seller."""

from orders.models import LineItem, Order, Package


def parcels_to_ship(order: Order) -> list[tuple[Package, list[LineItem]]]:
    """Packages of which something has to leave, each with those lines, oldest first.

    Some marketplaces tell what is in a package only once it has left: until then it has no lines here.
    """
    parcels = []
    for package, lines in order.parcels():
        leaving = [line for line in lines if has_to_leave(line)]
        if leaving or not lines:
            parcels.append((package, leaving))
    return parcels


def lines_to_ship(order: Order) -> list[LineItem]:
    return [line for line in order.lines.all() if has_to_leave(line)]


def has_to_leave(line: LineItem) -> bool:
    return not line.is_cancelled and not line.is_shipped

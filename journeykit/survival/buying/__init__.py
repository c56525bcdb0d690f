"""Will customers without a contract buy again, and what are they worth."""

from journeykit.survival.buying.histories import (
    OrderDays,
    PurchaseHistories,
    purchase_histories,
)
from journeykit.survival.buying.order_values import (
    CustomerValue,
    Spending,
    customer_value,
    spending,
)
from journeykit.survival.buying.repeat import RepeatPurchase, repeat_purchase
from journeykit.survival.buying.tables import purchase_histories_from_frame

__all__ = [
    "CustomerValue",
    "OrderDays",
    "PurchaseHistories",
    "RepeatPurchase",
    "Spending",
    "customer_value",
    "purchase_histories",
    "purchase_histories_from_frame",
    "repeat_purchase",
    "spending",
]

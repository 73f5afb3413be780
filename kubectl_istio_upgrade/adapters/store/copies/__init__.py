"""`store push` and `store pull`: snapshots from store to store, by way of any git repository.

From the ground up: `remote` talks to it, `incoming` is where foreign snapshots are looked at before the store has them,
`joining` makes one history of two, `pulling` and `pushing` are the commands.
"""

from .pulling import listing, pull
from .pushing import push
from .remote import Remote

__all__ = ["Remote", "listing", "pull", "push"]

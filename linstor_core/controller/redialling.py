"""When a satellite that can't be reached is dialled again."""

from __future__ import annotations

PAUSES = ((10.0, 0.3), (60.0, 1.0))
"""Up to so many seconds after the link broke, so many seconds between two attempts."""
LONGEST_PAUSE_S = 5.0
DIALS_PER_S = 100
"""Of all links together: where many are down, each takes its turn."""


def pause_s(down_for_s: float, links_down: int) -> float:
    """What to wait after a failed attempt. Most satellites are away for the seconds that a restart takes."""
    alone_s = next((pause for until_s, pause in PAUSES if down_for_s < until_s), LONGEST_PAUSE_S)
    return max(alone_s, links_down / DIALS_PER_S)

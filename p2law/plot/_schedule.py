"""A pruning schedule: density over training, and the compute spent on the way."""

import numpy as np
from matplotlib.axes import Axes

from ..errors import DataError
from ..schedules import LoggedSchedule, PruningSchedule
from . import _style as style


def schedule(
    schedule: PruningSchedule | LoggedSchedule, ax: Axes | None = None, *, compute: bool = True, legend: bool = True
) -> Axes:
    """Density of the prunable parameters over training steps, its average, and the share of compute spent.

    Parameters
    ----------
    schedule : PruningSchedule or LoggedSchedule
        What to draw.
    ax : Axes, optional
        Where to draw; default: a new figure.
    compute : bool
        Draw the share of compute spent.
    legend : bool
        Draw the legend.

    Returns
    -------
    Axes
    """
    if not isinstance(schedule, PruningSchedule | LoggedSchedule):
        raise DataError(f"cannot draw {schedule!r:.60}: give a PruningSchedule, or what schedules.from_log returns.")
    ax = style.axes_of(ax)
    t = np.linspace(0.0, 1.0, 1001)
    mean = schedule.average_density()
    if isinstance(schedule, PruningSchedule):
        begin, finish = schedule.window
        ax.axvspan(begin, finish, color=style.ink(ax), alpha=0.06, linewidth=0, label="pruning")
        t = np.unique(np.concatenate([t, [begin, finish]]))
    ax.plot(t, schedule.density(t), color=style.named(ax)[0], linewidth=1.6, label="density")
    ax.axhline(mean, color=style.named(ax)[0], linewidth=1.0, linestyle=style.EXTRAPOLATED, label=f"average {mean:.3f}")
    if compute:
        spent = np.asarray(schedule.compute_share(t))
        ax.plot(t, spent, color=style.named(ax)[1], linewidth=1.2, label="compute spent")
    ax.set_xlim(0.0, 1.0)
    ax.set_ylim(0.0, 1.03)
    ax.set_xlabel("fraction of training steps")
    ax.set_ylabel("fraction")
    style.title(ax, schedule.summary().splitlines()[0])
    style.grid(ax)
    if legend:
        ax.legend(fontsize="small", loc="best", framealpha=0.85)
    return ax

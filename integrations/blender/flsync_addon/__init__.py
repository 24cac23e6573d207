# SPDX-License-Identifier: GPL-3.0-or-later
"""flsync in Blender: submit the open file to a Flamenco farm from the Output properties.

Where to begin: `operators.py` says what can be done, `activity.py` how the flsync program is run without
the window waiting for it, `jobtypes.py` how a job type's settings become fields.
"""

bl_info = {
    "name": "flsync: submit to Flamenco",
    "author": "the flsync authors",
    "version": (0, 1, 0),
    "blender": (3, 3, 0),
    "location": "Properties > Output > Flamenco (flsync)",
    "description": "Sends what a shot needs to a Flamenco farm, and submits its job",
    "doc_url": "https://github.com/flsync/flsync/blob/main/docs/blender.md",
    "category": "Render",
}

from . import activity, follow, handlers, jobtypes, operators, panel, preferences, properties

_MODULES = (preferences, properties, jobtypes, follow, operators, panel, handlers)


def register() -> None:
    for module in _MODULES:
        module.register()


def unregister() -> None:
    activity.stop_all()
    for module in reversed(_MODULES):
        module.unregister()

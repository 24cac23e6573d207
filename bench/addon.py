"""Sends the open shot as Flamenco's add-on does, without a job. Arguments after --: the folder with the add-on, the
Manager's URL, the name of the checkout. The last line is how many seconds it took."""
import os
import sys
import time
from pathlib import Path

import bpy

source, url, checkout = sys.argv[sys.argv.index("--") + 1:]
sys.path.insert(0, source)
from flamenco.bat.shaman import Packer
from flamenco.manager import ApiClient, Configuration

began = time.monotonic()
blend = Path(bpy.data.filepath)
with Packer(blend, blend.parent.parent, "/", api_client=ApiClient(Configuration(host=url)), checkout_path=checkout) as packer:
    packer.strategise()
    packer.execute()
    packer.actual_checkout_path  # there is none after a failure
print(time.monotonic() - began, flush=True)
os._exit(0)  # Blender 3.4 may crash at its end

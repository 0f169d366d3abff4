"""Inside the container: what cloud-init has made of the card's files."""

from __future__ import annotations

import stat
from pathlib import Path

from checks import check, do, finish, holds, messages, say, status_of, text_of, wait_for_status

CONFIG = Path("/etc/edge-agent/edge-agent.yaml")
SECRET = Path("/etc/credstore/edge-agent.mqtt-password")
LOG = Path("/var/log/cloud-init-output.log")

with check("cloud-init has done all that it was told"):
    said = text_of("cloud-init", "status", "--wait", "--long")
    holds("status: done" in said, f"{said}\n{LOG.read_text()[-3000:] if LOG.exists() else ''}")
with check("the board has its name, the agent its configuration"):
    holds(Path("/etc/hostname").read_text().strip() == "porch", "another name")
    holds('source: "/mnt/share/clip.avi"' in CONFIG.read_text(), CONFIG.read_text())
    holds("s3cret" not in CONFIG.read_text(), "the password is in the configuration")
    holds(stat.S_IMODE(SECRET.stat().st_mode) == 0o600, "anybody may read the password")
with check("nobody logged in, and the agent runs"):
    wait_for_status("watching: ", timeout_s=60)
    say(f"        {status_of()}")
    holds(do("systemctl", "is-enabled", "edge-agent").strip() == "enabled", "it is not enabled")
with check("events arrive"):
    events = messages("edge_agent/porch/camera/event", 1, 60)
    holds(len(events) == 1 and events[0]["device"] == "porch", str(events))
finish()

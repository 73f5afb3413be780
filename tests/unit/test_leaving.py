"""How the process ends: at once, and with nothing left to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LEAVING = """
import sys, threading
from kubectl_istio_upgrade.adapters.kube.plugin import CertificateFiles
from kubectl_istio_upgrade.cli.main import _leave

files = CertificateFiles()
sys.stdout.write(files.of("certificate", "key").certificate)
sys.stderr.write("all said")
threading.Thread(target=threading.Event().wait).start()  # as one that waits for a server
_leave(130)
"""


def test_it_waits_for_no_thread_and_leaves_neither_words_nor_credentials_behind() -> None:
    done = subprocess.run([sys.executable, "-c", LEAVING], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (130, "all said")
    assert done.stdout.endswith("1.crt")
    assert not Path(done.stdout).parent.exists()

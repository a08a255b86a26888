"""`python -m services.gateway`."""

from __future__ import annotations

from clarion.early_signals import exit_on_signal

if __name__ == "__main__":
    exit_on_signal()
    from clarion.lifecycle.process import run_service
    from services.gateway.process import main

    run_service(main)

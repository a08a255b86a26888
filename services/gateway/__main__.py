"""`python -m services.gateway`."""

from __future__ import annotations

from clarion.beginning import leave_when_asked

if __name__ == "__main__":
    leave_when_asked()
    from clarion.lifecycle import run_service
    from services.gateway.process import main

    run_service(main)

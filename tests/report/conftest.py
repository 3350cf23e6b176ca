"""The finished runs that `samn track` and the reports are tried on."""

from app.conftest import finished, runs, whites, workplace

__all__ = ["finished", "runs", "whites", "workplace"]

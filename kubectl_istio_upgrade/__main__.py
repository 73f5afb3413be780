"""`python -m kubectl_istio_upgrade`, the same program as the plugin."""

from .cli.main import run

if __name__ == "__main__":
    run()

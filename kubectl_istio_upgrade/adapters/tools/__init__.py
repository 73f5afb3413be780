"""Other people's programs: istioctl and helm. `process` is the only module that starts them."""

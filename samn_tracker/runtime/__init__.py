"""The network on a device: engine, devices, precision, calibration."""

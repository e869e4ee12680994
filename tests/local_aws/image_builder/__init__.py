"""EC2 Image Builder, as a service of the emulator."""

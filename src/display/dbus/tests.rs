//! The D-Bus display against a scripted QEMU.

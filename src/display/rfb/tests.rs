//! RFB against scripted servers.

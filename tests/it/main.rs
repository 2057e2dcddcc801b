//! The integration tests: one binary, one module a topic.

#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

mod library_kill;

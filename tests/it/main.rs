//! Integration tests.

mod display_live;
